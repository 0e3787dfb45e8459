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

from freehold.hosts.command import NO_SUDO_EXIT, TRUNCATED_EXIT, Command, Result
from freehold.hosts.host import HostError, UnreachableError
from freehold.hosts.process import capture, environment, feed, text_of
from freehold.hosts.ssh_folder import connection_folder


class LocalHost:
    """The box that this process runs on."""

    address = "127.0.0.1"

    def __init__(self, name: str = "localhost") -> None:
        self.name = name
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._running: set[subprocess.Popen[bytes]] = set()
        self._cancelled = False

    def connect(self) -> None:
        """See Host.connect."""
        self._connect()

    def run(self, command: Command, chunks: Iterable[bytes] = ()) -> Result:
        """See Host.run."""
        folder = self._connect()
        with capture(folder) as out, capture(folder) as err:
            process = subprocess.Popen(
                ["sh", "-c", command.remote_line()],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                env=environment(),
                start_new_session=True,  # Ctrl-C in the terminal is ours to hand on, in order
            )
            self._running.add(process)
            try:
                if self._cancelled:  # just before it was among those that are ended
                    _end(process)
                feed(process, command.stdin(), chunks)
                status = process.wait()
            finally:
                if process.poll() is None:
                    _end(process)
                    process.wait()
                self._running.discard(process)
            stdout, stderr = command.redact(text_of(out)), command.redact(text_of(err))
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
        return Result(status, stdout, stderr)

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
