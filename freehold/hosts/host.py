"""The Host protocol: the only way to have an effect on a box."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from freehold.errors import FreeholdError
from freehold.hosts.command import Command, Result
from freehold.hosts.talk import Talk


class HostError(FreeholdError):
    """A host was reached, and something on it failed."""


class UnreachableError(HostError):
    """No command could be run on a host: this says nothing about what is on it."""


class Host(Protocol):
    """One box. Implementations: OpenSSH here, a fake in the tests; one suite holds for both."""

    @property
    def name(self) -> str:
        """The node's name, the place in every error."""

    @property
    def address(self) -> str:
        """The host name or address that its clients reach it by."""

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""

    def connect(self) -> None:
        """Open the connection that the first command would open. Raises UnreachableError."""

    def run(self, command: Command, chunks: Iterable[bytes] = ()) -> Result:
        """Run `command`, streaming `chunks` to its stdin where it takes input.

        A non-zero exit status is a Result. Raises UnreachableError where it could not be run to
        its end, HostError where root was needed and not to be had.
        """

    def talk(self, command: Command) -> AbstractContextManager[Talk]:
        """Run `command`, which takes input, and speak with it while it runs.

        Raises at the end of the block as `run` does, and HostError where it failed; a CutOffError
        that the block lets pass becomes that error too.
        """

    def another(self) -> AbstractContextManager[Host]:
        """The same box over a connection of its own: more of them carry more."""

    def forward(self, port: int) -> AbstractContextManager[Path]:
        """A unix socket here that leads to `port` of the host's own loopback."""

    def cancel(self) -> None:
        """End whatever is running, and refuse what comes after."""

    def close(self) -> None:
        """Give the connection back."""


def run_or_raise(host: Host, command: Command, chunks: Iterable[bytes] = ()) -> str:
    """stdout of a command that must succeed; else HostError with the last lines of its stderr."""
    result = host.run(command, chunks)
    if result.exit_status:
        raise failure(host.name, command.description, result)
    return result.stdout


def failure(place: str, description: str, result: Result, hint: str | None = None) -> HostError:
    """The error of a command that ended with a non-zero exit status; it points at the doctor."""
    shown = (result.stderr.strip() or result.stdout.strip()).splitlines()[-10:]
    message = "\n".join([f"{description}: exit {result.exit_status}", *shown])
    return HostError.of(place, message, hint or f"fab -H {place} node.doctor")
