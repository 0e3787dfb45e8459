"""A command that is spoken with while it runs: bytes go in, lines come out."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

PIPE_BYTES = 1 << 20


class CutOffError(Exception):
    """The command ended, or its connection did, before what was said to it was answered."""


@dataclass(frozen=True)
class Talk:
    """A running command. `stdin` is unbuffered, so that whole files may be sent through it."""

    stdin: IO[bytes]
    stdout: IO[bytes]

    def send(self, data: bytes | memoryview) -> None:
        """All of `data`. Raises CutOffError where nobody reads it any more."""
        view = memoryview(data)
        try:
            while view:
                view = view[self.stdin.write(view) or 0 :]
        except (BrokenPipeError, ValueError):
            raise CutOffError from None

    def send_file(self, descriptor: int, offset: int, size_bytes: int) -> int:
        """A part of a file, of which no byte comes into this process; how much there was of it.

        Raises CutOffError as `send` does, OSError where the file cannot be read.
        """
        sent = 0
        while sent < size_bytes:
            try:
                count = _copy(self.stdin.fileno(), descriptor, offset + sent, size_bytes - sent)
            except (BrokenPipeError, ValueError):
                raise CutOffError from None
            if not count:
                break
            sent += count
        return sent

    def line(self) -> str:
        """The next line of its stdout. Raises CutOffError where none comes any more."""
        text = self.stdout.readline()
        if not text.endswith(b"\n"):
            raise CutOffError
        return text.decode("utf-8", "replace").rstrip("\n")

    def end(self) -> None:
        """Say that nothing more comes."""
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()


@contextlib.contextmanager
def talk_with(process: subprocess.Popen[bytes], say_why: Callable[[], None]) -> Iterator[Talk]:
    """The talk with `process`. When the body is done its stdin ends and it is waited for; then,
    and where the body was cut off, `say_why` may raise what the process has to say of it."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("expected a process whose stdin and stdout are pipes")
    _widen(process.stdin)
    stdout = io.BufferedReader(process.stdout)  # type: ignore[type-var]  # it is raw here
    talk = Talk(process.stdin, stdout)
    try:
        yield talk
        talk.end()
        # What it still says is read, so that it never waits for us.
        while stdout.read(1 << 16):
            pass
    except CutOffError:
        talk.end()
        process.wait()
        say_why()
        raise
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        stdout.close()
    process.wait()
    say_why()


def _copy(target: int, source: int, offset: int, size_bytes: int) -> int:
    """By sendfile(2) where the kernel takes it for a pipe: Linux does, macOS does not."""
    try:
        return os.sendfile(target, source, offset, size_bytes)
    except (OSError, AttributeError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        return os.write(target, os.pread(source, min(size_bytes, PIPE_BYTES), offset))


def _widen(pipe: IO[bytes]) -> None:
    """Fewer turns between us and ssh; a kernel that gives no more leaves the pipe as it is."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
