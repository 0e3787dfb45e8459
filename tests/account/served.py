"""A model loaded for real: the log that the engine writes until it serves, and while."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from freehold.account.account import Account
from freehold.account.log import read_account

_ENDS = ("listening on", "exiting due to")


class Server:
    """One that runs, on a unix socket."""

    def __init__(self, process: subprocess.Popen[str], socket: Path) -> None:
        self.socket = socket
        self.process = process
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._pumping = threading.Thread(target=self._pump, daemon=True)
        self._pumping.start()

    def read_until(self, *ends: str) -> str:
        """What it has logged since the last call, up to a line with one of `ends`, or its end."""
        read = []
        while (line := self._lines.get(timeout=60)) is not None:
            read.append(line)
            if any(end in line for end in ends):
                break
        return "".join(read)

    def end(self) -> None:
        """Without the time to say anything more."""
        self.process.kill()
        self._pumping.join()

    def _pump(self) -> None:
        # A pipe that nobody reads would stop it.
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)


@contextlib.contextmanager
def server(
    engine: Path, model: Path, flags: Iterable[tuple[str, ...]], verbosity: int = 4
) -> Iterator[Server]:
    """Started, and ended with the block."""
    socket = engine / f"served-{os.urandom(4).hex()}.sock"
    command = [str(engine / "llama-server"), "--model", str(model)]
    command += [word for flag in flags for word in flag]
    command += ["--host", str(socket), "--verbosity", str(verbosity)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "GGML_NO_BACKTRACE": "1"},
    ) as process:
        started = Server(process, socket)
        try:
            yield started
        finally:
            started.end()


def log_of_load(
    engine: Path, model: Path, flags: Iterable[tuple[str, ...]], verbosity: int = 4
) -> str:
    """The log until it serves, or has ended by itself."""
    with server(engine, model, flags, verbosity) as started:
        return started.read_until(*_ENDS)


def load(
    engine: Path, model: Path, flags: Iterable[tuple[str, ...]], verbosity: int = 4
) -> Account:
    """The account of a real load, of a server that has answered itself (its warm-up)."""
    log = log_of_load(engine, model, flags, verbosity)
    assert _ENDS[0] in log, log[-2000:]
    return read_account(log, "a load")
