"""A host that is this machine: for the units; it passes the suite that OpenSSH passes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from freehold.hosts.command import TRUNCATED_EXIT, Command, Result
from freehold.hosts.host import UnreachableError


class FakeHost:
    """Runs each command by a shell here, as whoever runs the tests: `root` has no effect."""

    address = "127.0.0.1"

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.commands: list[Command] = []
        self._folder = tempfile.TemporaryDirectory(prefix="fake-", dir="/tmp")
        self._running: set[subprocess.Popen[bytes]] = set()
        self._cancelled = False

    def connect(self) -> None:
        """See Host.connect."""

    def run(self, command: Command, chunks: Iterable[bytes] = ()) -> Result:
        """See Host.run."""
        if self._cancelled:
            raise UnreachableError.of(self.name, "cancelled")
        self.commands.append(command)
        line = dataclasses.replace(command, root=False).remote_line()
        folder = Path(self._folder.name)
        with tempfile.TemporaryFile(dir=folder) as out, tempfile.TemporaryFile(dir=folder) as err:
            process = subprocess.Popen(
                ["sh", "-c", line],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            self._running.add(process)
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
                stdin.write(command.stdin())
                for chunk in chunks:
                    stdin.write(chunk)
            status = process.wait()
            self._running.discard(process)
            texts = []
            for output in (out, err):
                output.seek(0)
                texts.append(command.redact(output.read().decode("utf-8", "replace")))
        if self._cancelled or status == TRUNCATED_EXIT:
            raise UnreachableError.of(self.name, f"{command.description}: cancelled or cut")
        return Result(status, *texts)

    @contextlib.contextmanager
    def forward(self, port: int) -> Iterator[Path]:
        """See Host.forward."""
        path = Path(self._folder.name) / f"port-{port}"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            accepting = threading.Thread(target=_relay, args=(server, port), daemon=True)
            accepting.start()
            yield path
            server.shutdown(socket.SHUT_RDWR)
            accepting.join()
        path.unlink()

    def cancel(self) -> None:
        """See Host.cancel."""
        self._cancelled = True
        for process in tuple(self._running):
            os.killpg(process.pid, signal.SIGTERM)  # a session of its own, begun in `run`

    def close(self) -> None:
        """See Host.close."""
        self._folder.cleanup()


def _relay(server: socket.socket, port: int) -> None:
    """Join each client to `port`; ends when the server's socket is shut."""
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            target = socket.create_connection(("127.0.0.1", port))
            for pair in ((client, target), (target, client)):
                threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
