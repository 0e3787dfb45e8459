"""A host that is this machine, for the units: it remembers its commands, and needs no root."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from contextlib import AbstractContextManager

from freehold.hosts.command import Command, Result
from freehold.hosts.local import LocalHost
from freehold.hosts.talk import Talk


class FakeHost(LocalHost):
    """Runs each command by a shell here, as whoever runs the tests: `root` has no effect."""

    def __init__(self, name: str = "fake") -> None:
        super().__init__(name)
        self.commands: list[Command] = []

    def run(self, command: Command, chunks: Iterable[bytes] = ()) -> Result:
        """See Host.run."""
        self.commands.append(command)
        return super().run(_without_root(command), chunks)

    def talk(self, command: Command) -> AbstractContextManager[Talk]:
        """See Host.talk."""
        self.commands.append(command)
        return super().talk(_without_root(command))


def _without_root(command: Command) -> Command:
    return dataclasses.replace(command, root=False)
