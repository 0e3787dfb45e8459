"""OpenSSH that counts what it does, and a controller that can die."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from freehold.hosts.command import Command, Result
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.hosts.talk import Talk


class Died(BaseException):
    """The controller was killed."""


class CountedHost(SshHost):
    """`commands` are those that ran; from `dies_at` (an index) on, or once `dies_after_bytes` were
    streamed, the controller dies, but not before `before_death` returned; once
    `cancels_after_bytes` were, someone presses Ctrl-C."""

    def __init__(self, name: str, destination: str, settings: SshSettings) -> None:
        super().__init__(name, destination, settings)
        self.commands: list[Command] = []
        self.streamed_bytes = 0
        self.dies_at: int | None = None
        self.dies_after_bytes: int | None = None
        self.before_death: Callable[[], object] = lambda: None
        self.cancels_after_bytes: int | None = None

    def run(self, command: Command, chunks: Iterable[bytes] = ()) -> Result:
        self._begin(command)
        return super().run(command, chunks)

    @contextmanager
    def talk(self, command: Command) -> Iterator[Talk]:
        self._begin(command)
        with super().talk(command) as talk:
            yield CountedTalk(talk.stdin, talk.stdout, self._count)

    def restart(self) -> None:
        """Another controller, from the start."""
        self.close()
        self.commands, self.streamed_bytes = [], 0
        self.dies_at = self.dies_after_bytes = self.cancels_after_bytes = None
        self._cancelled = False

    def _begin(self, command: Command) -> None:
        if len(self.commands) == self.dies_at:
            raise Died
        self.commands.append(command)

    def _count(self, size_bytes: int) -> None:
        self.streamed_bytes += size_bytes
        if self.dies_after_bytes is not None and self.streamed_bytes >= self.dies_after_bytes:
            self.before_death()
            raise Died
        if self.cancels_after_bytes is not None and self.streamed_bytes >= self.cancels_after_bytes:
            self.cancel()


@dataclass(frozen=True)
class CountedTalk(Talk):
    """One whose bytes are counted, as they are about to go."""

    count: Callable[[int], None]

    def send(self, data: bytes | memoryview) -> None:
        self.count(len(data))
        super().send(data)

    def send_file(self, descriptor: int, offset: int, size_bytes: int) -> int:
        self.count(size_bytes)
        return super().send_file(descriptor, offset, size_bytes)
