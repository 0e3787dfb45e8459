"""The leg over SSH alone: pieces go from this machine to one node through several connections."""

from __future__ import annotations

import threading
import time

from freehold.apply.agent import talk_with_agent
from freehold.apply.pieces import Pieces
from freehold.apply.receiver import Receiver
from freehold.apply.source import Source
from freehold.apply.stream import Stream
from freehold.apply.throttle import Throttle
from freehold.hosts.host import HostError, UnreachableError
from freehold.hosts.talk import CutOffError

STREAM_BYTES_MIN = 64 << 20  # less is not worth a connection of its own
RUN_BYTES_MAX = 256 << 20  # what one stream takes at a time
LOST_MAX = 5  # connections of a stream that carried nothing, in a row
AGAIN_AFTER_S = (0.5, 1, 2, 4, 8)


def push(receiver: Receiver, source: Source, name: str, throttle: Throttle) -> None:
    """Send what `receiver` lacks. What arrived whole stays, however this ends.

    A connection that is lost is opened again, but the receiver's own: then this raises
    UnreachableError. Raises StoreError where the store's copy is damaged, HostError where the
    node cannot take it.
    """
    order, missing = receiver.order, receiver.missing
    if missing:
        receiver.came_by("ssh")
    pieces = Pieces(missing, max(1, RUN_BYTES_MAX // order.piece_bytes))
    count = min(throttle.connections, max(1, receiver.missing_bytes // STREAM_BYTES_MIN))
    more = [
        threading.Thread(target=_feed, args=(receiver, source, pieces, name, throttle), daemon=True)
        for _ in range(count - 1)
    ]
    for thread in more:
        thread.start()
    try:
        Stream(receiver.talk, order, source, pieces, throttle).run(receiver.heard)
    except CutOffError:
        pieces.fail(CutOffError())
        raise
    finally:
        for thread in more:
            thread.join()
    pieces.require()


def _feed(
    receiver: Receiver, source: Source, pieces: Pieces, name: str, throttle: Throttle
) -> None:
    """A stream over a connection of its own, opened again as often as it carries something."""
    lost, about = 0, f"syncing {name}"
    while not (pieces.is_over or receiver.host.is_cancelled) and lost < LOST_MAX:
        heard = _Counted(receiver)
        try:
            with (
                receiver.host.another() as host,
                talk_with_agent(host, "land", receiver.order.folder, description=about) as talk,
            ):
                Stream(talk, receiver.order, source, pieces, throttle).run(heard)
                return
        except (UnreachableError, CutOffError) as error:
            receiver.heard.told(str(error) or "a connection ended")
        except (HostError, OSError) as error:
            pieces.fail(error)
            return
        lost = 0 if heard.size_bytes else lost + 1
        time.sleep(AGAIN_AFTER_S[min(lost, len(AGAIN_AFTER_S) - 1)])


class _Counted:
    """What one connection carried."""

    def __init__(self, receiver: Receiver) -> None:
        self._heard, self.size_bytes = receiver.heard, 0

    def moved(self, size_bytes: int) -> None:
        self.size_bytes += size_bytes
        self._heard.moved(size_bytes)

    def read_back(self, size_bytes: int) -> None:
        self._heard.read_back(size_bytes)

    def told(self, text: str) -> None:
        self._heard.told(text)
