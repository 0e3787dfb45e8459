"""A host by OpenSSH's own client: its config, agent, jump hosts and host keys hold as they are."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import IO

from freehold.hosts.command import NO_SUDO_EXIT, TRUNCATED_EXIT, Command, Result
from freehold.hosts.host import Host, HostError, UnreachableError, failure
from freehold.hosts.process import capture, environment, feed, text_of
from freehold.hosts.ssh_config import SshSettings, write_config
from freehold.hosts.ssh_errors import explain
from freehold.hosts.ssh_folder import connection_folder, has_listener
from freehold.hosts.talk import Talk, talk_with

SSH_FAILED = 255  # ssh(1): "or with 255 if an error occurred"
_THROUGH_ANOTHER = "UNKNOWN port"  # what ssh calls the peer of a ProxyJump or ProxyCommand
MASTER_IDLE_S = 60  # the connection of a controller that was killed goes by itself after this


class SshHost:
    """One box, over one shared connection that the first command opens."""

    def __init__(self, name: str, destination: str, settings: SshSettings | None = None) -> None:
        self._name = name
        self._destination = destination
        self._settings = settings or SshSettings()
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._running: set[subprocess.Popen[bytes]] = set()
        self._others: set[SshHost] = set()
        self._cancelled = False

    @property
    def name(self) -> str:
        """See Host.name."""
        return self._name

    @property
    def is_cancelled(self) -> bool:
        """See Host.is_cancelled."""
        return self._cancelled

    @cached_property
    def address(self) -> str:
        """See Host.address: what OpenSSH makes of the destination."""
        done = subprocess.run(
            [*_ssh(self._connect()), "-G", self._destination],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            env=environment(),
        )
        return dict(line.split(" ", 1) for line in done.stdout.splitlines())["hostname"]

    def connect(self) -> None:
        """See Host.connect."""
        self._connect()

    def run(self, command: Command, chunks: Iterable[bytes] = ()) -> Result:
        """See Host.run."""
        folder = self._connect()
        argv = [*_ssh(folder), self._destination, command.remote_line()]
        with capture(folder) as out, capture(folder) as err:
            with self._started(argv, out, err) as process:
                feed(process, command.stdin(), chunks)
                status = process.wait()
            stdout, stderr = command.redact(text_of(out)), command.redact(text_of(err))
        self._require_run(command, status, stderr)
        return Result(status, stdout, stderr)

    @contextlib.contextmanager
    def talk(self, command: Command) -> Iterator[Talk]:
        """See Host.talk."""
        folder = self._connect()
        argv = [*_ssh(folder), self._destination, command.remote_line()]
        with (
            capture(folder) as err,
            self._started(argv, subprocess.PIPE, err) as process,
        ):

            def say_why() -> None:
                stderr = command.redact(text_of(err))
                self._require_run(command, process.returncode, stderr)
                if process.returncode:
                    done = Result(process.returncode, "", stderr)
                    raise failure(self.name, command.description, done)

            with talk_with(process, say_why) as talk:
                yield talk

    @contextlib.contextmanager
    def another(self) -> Iterator[Host]:
        """See Host.another."""
        other = SshHost(self._name, self._destination, self._settings)
        with self._lock:
            self._others.add(other)
            if self._cancelled:
                other.cancel()
        try:
            yield other
        finally:
            with self._lock:
                self._others.discard(other)
            other.close()

    def _require_run(self, command: Command, status: int, stderr: str) -> None:
        """Raises where `command` was not run to its end."""
        if self._cancelled:
            raise UnreachableError.of(self.name, f"{command.description}: cancelled")
        if status == NO_SUDO_EXIT and command.root:
            raise HostError.of(
                self.name,
                "expected root, or a sudo right that asks no password; got\n" + stderr.strip(),
                f"give the user of {self._destination} that right in /etc/sudoers.d",
            )
        if status in (SSH_FAILED, TRUNCATED_EXIT) or status < 0:
            raise self._explained(stderr, command.description)

    @contextlib.contextmanager
    def forward(self, port: int) -> Iterator[Path]:
        """See Host.forward."""
        folder = self._connect()
        socket = folder / f"port-{port}-{os.urandom(4).hex()}"
        forwarding = ["-L", f"{socket}:127.0.0.1:{port}"]
        error = self._control(folder, "forward", *forwarding)
        if error is not None:
            raise HostError.of(
                self.name,
                f"expected to forward port {port} over SSH, got\n{error}",
                "sshd's AllowTcpForwarding must be yes or local",
            )
        try:
            yield socket
        finally:
            self._control(folder, "cancel", *forwarding)
            socket.unlink(missing_ok=True)

    def cancel(self) -> None:
        """See Host.cancel."""
        self._cancelled = True
        for process in tuple(self._running):
            process.terminate()
        for other in tuple(self._others):
            other.cancel()

    def close(self) -> None:
        """See Host.close."""
        with self._lock:
            folder, self._folder = self._folder, None
            if folder is not None:
                self._control(Path(folder.name), "exit")
                folder.cleanup()

    def _connect(self) -> Path:
        """The folder that holds the live connection's socket, opened if there is none."""
        with self._lock:
            if self._cancelled:
                raise UnreachableError.of(self.name, "cancelled")
            if self._folder is not None:
                if has_listener(Path(self._folder.name) / "master"):
                    return Path(self._folder.name)
                self._folder.cleanup()
                self._folder = None
            folder = connection_folder()
            try:
                self._open_master(Path(folder.name))
            except BaseException:
                folder.cleanup()
                raise
            self._folder = folder
            return Path(folder.name)

    def _open_master(self, folder: Path) -> None:
        write_config(self._settings, self._destination, folder)
        argv = [*_ssh(folder), "-fN", "-o", "ControlMaster=yes"]
        argv += ["-o", f"ControlPersist={MASTER_IDLE_S}", self._destination]
        with capture(folder) as err:
            with self._started(argv, subprocess.DEVNULL, err) as process:
                feed(process, b"", ())
                status = process.wait()
            if status:
                said = text_of(err)
                if _THROUGH_ANOTHER in said:
                    said = self._said_alone(folder) or said
                raise self._explained(said)

    def _explained(self, stderr: str, during: str = "connecting") -> UnreachableError:
        pinned = self._settings.pinned is not None
        return explain(self.name, self._destination, stderr, during, is_pinned=pinned)

    def _said_alone(self, folder: Path) -> str:
        """What a connection says that is not to be kept: OpenSSH hides all that a jump host's
        own connection complains of where ControlPersist is set."""
        argv = ["ssh", "-F", str(folder / "config"), self._destination, "true"]
        with capture(folder) as err, self._started(argv, subprocess.DEVNULL, err) as process:
            feed(process, b"", ())
            return text_of(err) if process.wait() else ""

    def _control(self, folder: Path, verb: str, *arguments: str) -> str | None:
        """Speak to the live connection; what it complains of, or None."""
        done = subprocess.run(
            [*_ssh(folder), "-O", verb, *arguments, self._destination],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
        )
        return done.stderr.strip() if done.returncode else None

    @contextlib.contextmanager
    def _started(
        self, argv: list[str], stdout: IO[bytes] | int, stderr: IO[bytes]
    ) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            env=environment(),
            bufsize=0 if stdout == subprocess.PIPE else -1,
            start_new_session=True,  # Ctrl-C in the terminal is ours to hand on, in order
        )
        self._running.add(process)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            self._running.discard(process)


def _ssh(folder: Path) -> list[str]:
    return ["ssh", "-F", str(folder / "config"), "-S", str(folder / "master")]
