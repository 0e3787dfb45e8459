"""What the processes of a pull share: whose turn it is, how fast they may be, and the URLs."""

from __future__ import annotations

import json
import os
import time
from multiprocessing.context import ForkContext

BURST_S = 0.5
READ_BYTES = 1 << 20


class Turns:
    """Numbers from 0, each given out once."""

    def __init__(self, context: ForkContext) -> None:
        self._next = context.Value("Q", 0)

    def take(self) -> int:
        """The next one."""
        with self._next.get_lock():
            number: int = self._next.value
            self._next.value += 1
        return number


class Flag:
    """Up for all once one has put it up."""

    def __init__(self, context: ForkContext) -> None:
        self._up = context.Value("b", 0, lock=False)

    @property
    def is_up(self) -> bool:
        """Whether it is."""
        return bool(self._up.value)

    def put_up(self) -> None:
        """For good."""
        self._up.value = 1


class Rate:
    """A bucket of bytes that fills at the rate that was set last; without one there is no limit."""

    def __init__(self, context: ForkContext) -> None:
        self._bytes_per_s = context.Value("d", 0, lock=False)
        self._free_at = context.Value("d", 0)  # by the clock of the machine, the same for all

    def set(self, bytes_per_s: float | None) -> None:
        """At most so many from now on, of all processes together."""
        self._bytes_per_s.value = bytes_per_s or 0

    def take(self, size_bytes: int) -> None:
        """Wait until so many bytes may be read."""
        rate = self._bytes_per_s.value
        if not rate:
            return
        with self._free_at.get_lock():
            now = time.monotonic()
            free_at = max(self._free_at.value, now - BURST_S)
            self._free_at.value = free_at + size_bytes / rate
        if free_at > now:
            time.sleep(free_at - now)


class Board:
    """The URL of each file, the latest. In memory alone, and who writes waits for no reader."""

    def __init__(self) -> None:
        self._memory = os.memfd_create("urls")
        self._offset = 0
        self._urls: dict[int, str] = {}

    def pin(self, urls: dict[int, str]) -> None:
        """Put up URLs by the index of their files; in one process only."""
        line = json.dumps(list(urls.items())).encode() + b"\n"
        while line:
            line = line[os.write(self._memory, line) :]

    def url(self, file: int) -> str:
        """The latest of a file, "" where there is none."""
        unread = b""
        while data := os.pread(self._memory, READ_BYTES, self._offset + len(unread)):
            unread += data
        for line in unread.splitlines(keepends=True):
            if line.endswith(b"\n"):
                self._offset += len(line)
                self._urls.update(json.loads(line))
        return self._urls.get(file, "")
