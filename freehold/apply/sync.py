"""Bring a set of files to a node: only what it lacks, each piece proven before it counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from freehold.agent.order import Order
from freehold.apply.heard import Heard
from freehold.apply.push import push
from freehold.apply.receiver import Receiver, receiving
from freehold.apply.source import Source, order_of
from freehold.apply.throttle import Throttle
from freehold.hosts.host import Host, HostError, UnreachableError
from freehold.weights.manifest import Manifest
from freehold.weights.store import Store

READS_MAX = 3  # a disk that gives back other bytes than it was given is not asked for ever
TRIES_MAX = 5  # connections to a node that brought nothing further, in a row
AGAIN_AFTER_S = (1, 2, 4, 8, 15)

Leg = Callable[[Receiver, Source, str, Throttle], None]
"""Brings what a receiver lacks of the set of that name, as `push` does."""


@dataclass(frozen=True)
class Moved:
    """What a sync took: the legs in words, bytes that were moved, and seconds."""

    way: str
    size_bytes: int
    seconds: float


def sync(
    host: Host,
    manifest: Manifest,
    store: Store,
    heard: Heard,
    throttle: Throttle,
    leg: Leg = push,
) -> Moved:
    """Send what the node lacks of a set; what that took.

    What lies there already, of an interrupted sync or in another set, is kept. A connection that
    is lost on the way is opened again and goes on. Raises StoreError where the store's copy is
    damaged, HostError where the node could not take it; either way nothing incomplete has its
    final name.
    """
    order = order_of(manifest, store)
    source = Source(store, manifest.files, order)
    tries, began_s, moved_bytes = 0, time.monotonic(), 0
    while True:
        counted = _Progress(heard)
        try:
            ways = _sync_once(host, manifest.name, order, source, counted, throttle, leg)
            moved_bytes += counted.size_bytes
            return Moved(ways, moved_bytes, time.monotonic() - began_s)
        except UnreachableError as error:
            tries = 1 if counted.size_bytes else tries + 1
            if host.is_cancelled or not counted.was_heard or tries > TRIES_MAX:
                raise
            moved_bytes += counted.size_bytes
            heard.moved(-counted.total_bytes)
            heard.told(str(error))
            time.sleep(AGAIN_AFTER_S[tries - 1])


def _sync_once(
    host: Host,
    name: str,
    order: Order,
    source: Source,
    heard: _Progress,
    throttle: Throttle,
    leg: Leg,
) -> str:
    with receiving(host, name, order, heard) as receiver:
        heard.begin(order.own_bytes - receiver.missing_bytes)
        for _ in range(READS_MAX):
            leg(receiver, source, name, throttle)
            if receiver.finish():
                return ", then ".join(receiver.ways) or "from other sets on the node"
            heard.moved(-receiver.missing_bytes)
        raise HostError.of(
            host.name,
            f"{order.folder}.partial: expected to read back what was written there, "
            f"found {len(receiver.missing)} places with other bytes, {READS_MAX} times",
            "the disk or the memory of this node is broken: look into its journal",
        )


class _Progress:
    """Hands on what is heard, and keeps what this attempt brought."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self.size_bytes = self.total_bytes = 0
        self.was_heard = False

    def begin(self, there_bytes: int) -> None:
        """The node answered: so much of the set is on it already."""
        self.was_heard = True
        self.total_bytes += there_bytes
        self._heard.moved(there_bytes)

    def moved(self, size_bytes: int) -> None:
        """See Heard.moved."""
        self.size_bytes += max(size_bytes, 0)
        self.total_bytes += size_bytes
        self._heard.moved(size_bytes)

    def read_back(self, size_bytes: int) -> None:
        """See Heard.read_back."""
        self._heard.read_back(size_bytes)

    def told(self, text: str) -> None:
        """See Heard.told."""
        self._heard.told(text)
