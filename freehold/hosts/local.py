"""This machine as a host: commands run by sh here, as root where we are or may become root."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from freehold.hosts.command import NO_SUDO_EXIT, TRUNCATED_EXIT, Command, Result
from freehold.hosts.host import Host, HostError, UnreachableError, failure
from freehold.hosts.process import capture, environment, feed, text_of
from freehold.hosts.ssh_folder import connection_folder
from freehold.hosts.talk import Talk, talk_with


class LocalHost:
    """The box that this process runs on."""

    address = "127.0.0.1"

    def __init__(self, name: str = "localhost") -> None:
        self.name = name
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._running: set[subprocess.Popen[bytes]] = set()
        self._cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """See Host.is_cancelled."""
        return self._cancelled

    def connect(self) -> None:
        """See Host.connect."""
        self._connect()

    def run(self, command: Command, chunks: Iterable[bytes] = ()) -> Result:
        """See Host.run."""
        folder = self._connect()
        with capture(folder) as out, capture(folder) as err:
            with self._started(command, out, err) as process:
                feed(process, command.stdin(), chunks)
                status = process.wait()
            stdout, stderr = command.redact(text_of(out)), command.redact(text_of(err))
        self._require_run(command, status, stderr)
        return Result(status, stdout, stderr)

    @contextlib.contextmanager
    def talk(self, command: Command) -> Iterator[Talk]:
        """See Host.talk."""
        with (
            capture(self._connect()) as err,
            self._started(command, subprocess.PIPE, err) as process,
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
        """See Host.another: there is nothing to have more of."""
        yield self

    @contextlib.contextmanager
    def _started(
        self, command: Command, stdout: IO[bytes] | int, stderr: IO[bytes]
    ) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            ["sh", "-c", command.remote_line()],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            env=environment(),
            bufsize=0 if stdout == subprocess.PIPE else -1,
            start_new_session=True,  # Ctrl-C in the terminal is ours to hand on, in order
        )
        self._running.add(process)
        try:
            if self._cancelled:  # just before it was among those that are ended
                _end(process)
            yield process
        finally:
            if process.poll() is None:
                _end(process)
                process.wait()
            self._running.discard(process)

    def _require_run(self, command: Command, status: int, stderr: str) -> None:
        """Raises where `command` was not run to its end."""
        if self._cancelled:
            raise UnreachableError.of(self.name, f"{command.description}: cancelled")
        if status == NO_SUDO_EXIT and command.root:
            raise HostError.of(
                self.name,
                "expected root, or a sudo right that asks no password; got\n" + stderr.strip(),
                "give your user that right in /etc/sudoers.d",
            )
        if status == TRUNCATED_EXIT:
            raise UnreachableError.of(self.name, f"{command.description}: its script was cut short")

    @contextlib.contextmanager
    def forward(self, port: int) -> Iterator[Path]:
        """See Host.forward."""
        path = self._connect() / f"port-{port}-{os.urandom(4).hex()}"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            accepting = threading.Thread(target=_relay, args=(server, port), daemon=True)
            accepting.start()
            try:
                yield path
            finally:
                server.shutdown(socket.SHUT_RDWR)
                accepting.join()
                path.unlink()

    def cancel(self) -> None:
        """See Host.cancel."""
        self._cancelled = True
        for process in tuple(self._running):
            _end(process)

    def close(self) -> None:
        """See Host.close."""
        with self._lock:
            folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()

    def _connect(self) -> Path:
        """A folder for sockets and outputs, its owner's alone."""
        with self._lock:
            if self._cancelled:
                raise UnreachableError.of(self.name, "cancelled")
            if self._folder is None:
                self._folder = connection_folder()
            return Path(self._folder.name)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command with all that it started: a session of its own, begun in `run`."""
    # What sudo runs is root's: it ends when nobody reads or writes to it any more.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)


def _relay(server: socket.socket, port: int) -> None:
    """Join each client to `port`; ends when the server's socket is shut."""
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            try:
                target = socket.create_connection(("127.0.0.1", port))
            except OSError:
                client.close()
                continue
            for pair in ((client, target), (target, client)):
                threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
