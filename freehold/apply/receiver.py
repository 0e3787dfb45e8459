"""A node that receives a set: what it lacks, and the end, when all is read back and named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from freehold.agent.frames import FINISH, HEAD
from freehold.agent.order import Order
from freehold.apply.agent import talk_with_agent
from freehold.apply.heard import Heard
from freehold.apply.pieces import Run
from freehold.apply.script import PRELUDE
from freehold.hosts.host import Host
from freehold.hosts.talk import Talk


@dataclass
class Receiver:
    """The process on the node that holds the box's lock and the staging folder while it lives."""

    host: Host
    order: Order
    talk: Talk
    heard: Heard
    missing: list[Run] = field(default_factory=list)
    ways: list[str] = field(default_factory=list)
    """The legs that brought something, in their order."""

    @property
    def missing_bytes(self) -> int:
        """What is still to come."""
        return sum(_run_bytes(self.order, run) for run in self.missing)

    def came_by(self, way: str) -> None:
        """Bytes come by that leg."""
        if way not in self.ways:
            self.ways.append(way)

    def finish(self) -> bool:
        """Whether the set has its name now; else `missing` is what was not right when read back."""
        self.talk.send(HEAD.pack(FINISH, 0, 0, 0))
        answer = self.answer()
        self.missing = [tuple(run) for run in answer.get("missing", ())]
        return bool(answer.get("done"))

    def answer(self) -> dict[str, Any]:
        """The next thing it says that is no news of how far it has read."""
        while True:
            said: dict[str, Any] = json.loads(self.talk.line())
            if "read" not in said:
                return said
            self.heard.read_back(said["read"])


@contextmanager
def receiving(host: Host, name: str, order: Order, heard: Heard) -> Iterator[Receiver]:
    """A node that receives the set `name`. Raises HostError where it cannot."""
    about = f"syncing {name}"
    with talk_with_agent(host, "receive", description=about, prelude=PRELUDE) as talk:
        talk.send(order.to_bytes())
        receiver = Receiver(host, order, talk, heard)
        receiver.missing = [tuple(run) for run in receiver.answer()["missing"]]
        yield receiver


def _run_bytes(order: Order, run: Run) -> int:
    file, first, count = run
    return (count - 1) * order.piece_bytes + order.piece_size(file, first + count - 1)
