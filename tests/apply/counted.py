"""OpenSSH that counts what it does, and a controller that can die."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from freehold.hosts.command import Command, Result
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings


class Died(BaseException):
    """The controller was killed."""


class CountedHost(SshHost):
    """`commands` are those that ran; from `dies_at` (an index) on, or once `dies_after_bytes` were
    streamed, the controller dies."""

    def __init__(self, name: str, destination: str, settings: SshSettings) -> None:
        super().__init__(name, destination, settings)
        self.commands: list[Command] = []
        self.streamed_bytes = 0
        self.dies_at: int | None = None
        self.dies_after_bytes: int | None = None

    def run(self, command: Command, chunks: Iterable[bytes] = ()) -> Result:
        if len(self.commands) == self.dies_at:
            raise Died
        self.commands.append(command)
        return super().run(command, self._counted(chunks))

    def restart(self) -> None:
        """Another controller, from the start."""
        self.commands, self.streamed_bytes = [], 0
        self.dies_at = self.dies_after_bytes = None

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self.dies_after_bytes is not None and self.streamed_bytes >= self.dies_after_bytes:
                raise Died
            self.streamed_bytes += len(chunk)
            yield chunk
