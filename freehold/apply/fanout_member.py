"""One node of a fan-out, as a sender of pieces sees it: what to send it next, and what it has."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from freehold.agent.frames import HEAD, NEWS
from freehold.agent.order import Order
from freehold.apply.heard import Heard
from freehold.apply.pieces import Piece, Run
from freehold.apply.spread import Holding, Spread
from freehold.hosts.talk import CutOffError, Talk

if TYPE_CHECKING:
    from freehold.apply.authority import Authority

RUN_BYTES_MAX = 64 << 20  # what one node is sent at a time
STALL_S = 15  # after so long without a byte from the others a node is sent what they hold back
TURN_S = 1
AGAIN_PIECES = 4  # at a time, of what others have: they may give it meanwhile

Contact = tuple[str, int]
"""An address and a port."""


def _new_authority() -> Authority:
    # Only now: a sync to one node does not wait for it.
    from freehold.apply.authority import Authority

    return Authority()


@dataclass
class Gathering:
    """What the members of one fan-out share; `changed` guards all of it."""

    order: Order
    authority: Authority = field(default_factory=_new_authority)
    changed: threading.Condition = field(default_factory=threading.Condition)
    contacts: dict[int, tuple[Contact, ...]] = field(default_factory=dict)
    is_over: bool = False
    spread: Spread = field(init=False)

    def __post_init__(self) -> None:
        self.spread = Spread(self.order)


@dataclass(frozen=True)
class SwarmTalk(Talk):
    """A talk whose answers to pieces are told from all else that the node says."""

    answers: SimpleQueue[str | None] = field(default_factory=SimpleQueue)

    def line(self) -> str:
        """The next answer to a piece."""
        answer = self.answers.get()
        if answer is None:
            raise CutOffError
        return answer


class Member:
    """Hands out pieces as Pieces does. It is in its gathering from its making until `leave`."""

    def __init__(self, gathering: Gathering, missing: Iterable[Run], heard: Heard) -> None:
        self._gathering, self._heard = gathering, heard
        with gathering.changed:
            self._holding: Holding = gathering.spread.join(missing)
        self._talk: SwarmTalk | None = None
        self._known: dict[int, tuple[Contact, ...]] = {}
        self._error: BaseException | None = None
        self._from_peers = 0
        self._is_apart = False
        self._idle_since = time.monotonic()

    def begin(self, talk: SwarmTalk, contacts: tuple[Contact, ...]) -> None:
        """It listens there: the others are told."""
        with self._gathering.changed:
            self._talk = talk
            self._gathering.contacts[id(self)] = contacts
            self._gathering.changed.notify_all()

    def leave(self) -> list[Run]:
        """It takes part no more; what it lacks still."""
        with self._gathering.changed:
            spread = self._gathering.spread
            missing = spread.missing(self._holding)
            spread.leave(self._holding)
            self._gathering.contacts.pop(id(self), None)
            if spread.is_whole_everywhere:
                self._gathering.is_over = True
            self._gathering.changed.notify_all()
            return missing

    def listen(self, talk: SwarmTalk) -> None:
        """Hear what the node says until it says no more."""
        try:
            while True:
                self._heed(Talk.line(talk), talk)
        except (CutOffError, ValueError, KeyError, TypeError):
            talk.answers.put(None)

    def take(self, is_over: Callable[[], bool] = lambda: False) -> Run | None:
        """See Pieces.take: until every node has all."""
        self._idle_since = time.monotonic()
        shared = self._gathering
        while True:
            with shared.changed:
                if self._error is not None or is_over() or self._is_done():
                    return None
                others = {i: c for i, c in shared.contacts.items() if i != id(self)}
                if others == self._known:
                    if run := self._next():
                        return run
                    shared.changed.wait(TURN_S)
                    continue
                self._known = others
            self._tell(others)

    def arrived(self) -> None:
        """See Pieces.arrived: the node's own words have told it."""

    def lost(self, pieces: Iterable[Piece]) -> None:
        """See Pieces.lost."""
        with self._gathering.changed:
            self._gathering.spread.lost(self._holding, pieces)
            self._gathering.changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """See Pieces.fail: this node is sent no more."""
        with self._gathering.changed:
            self._error = self._error or error
            self._gathering.changed.notify_all()

    def wake(self) -> None:
        """See Pieces.wake."""
        with self._gathering.changed:
            self._gathering.changed.notify_all()

    def require(self) -> None:
        """See Pieces.require."""
        if self._error is not None:
            raise self._error

    def _is_done(self) -> bool:
        if self._gathering.spread.is_whole_everywhere:
            self._gathering.is_over = True
            self._gathering.changed.notify_all()
        return self._gathering.is_over

    def _next(self) -> Run | None:
        spread, now = self._gathering.spread, time.monotonic()
        piece_bytes = self._gathering.order.piece_bytes
        if run := spread.take(self._holding, max(1, RUN_BYTES_MAX // piece_bytes)):
            return run
        if spread.held_elsewhere(self._holding) is None:
            self._idle_since = now
            return None
        if not self._is_apart and now - self._idle_since < STALL_S:
            return None
        if not self._is_apart:
            self._is_apart = True
            self._heard.told(
                f"no byte came from the other nodes for {STALL_S} s: the rest goes from the store"
            )
        return spread.take_held(self._holding, AGAIN_PIECES)

    def _tell(self, others: dict[int, tuple[Contact, ...]]) -> None:
        if self._talk is None:
            raise CutOffError
        news = json.dumps({"peers": list(others.values())}).encode()
        self._talk.send(HEAD.pack(NEWS, 0, 0, len(news)) + news)

    def _heed(self, line: str, talk: SwarmTalk) -> None:
        mark = line[:1]
        if mark in ("+", "="):
            file, piece = (int(word) for word in line[1:].split())
            with self._gathering.changed:
                is_new = self._gathering.spread.arrived(self._holding, file, piece)
                self._gathering.changed.notify_all()
            if is_new:
                self._heard.moved(self._gathering.order.piece_size(file, piece))
        if mark in ("+", "-"):
            talk.answers.put(line)
        if mark == "{":
            self._heed_news(json.loads(line))

    def _heed_news(self, news: dict[str, Any]) -> None:
        if news.get("from_peers", 0) > self._from_peers:
            self._from_peers = news["from_peers"]
            self._idle_since = time.monotonic()
            self._is_apart = False
        if "told" in news:
            self._heard.told(str(news["told"]))
