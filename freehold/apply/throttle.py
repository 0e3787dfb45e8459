"""How fast a sync may send by the time of day, and through how many connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

BURST_S = 0.5


class Limit(Protocol):
    """A rate for a part of the day. `start` and `end` are minutes after midnight, local time."""

    @property
    def start(self) -> int:
        """The first minute."""

    @property
    def end(self) -> int:
        """The first minute after; before `start` where it runs over midnight."""

    @property
    def bytes_per_s(self) -> float:
        """At most so many."""


def rate_at(limits: Sequence[Limit], now: datetime) -> float | None:
    """The lowest of the limits that hold at `now`, in bytes per second; None where none does."""
    minute = now.hour * 60 + now.minute
    return min((limit.bytes_per_s for limit in limits if _holds(limit, minute)), default=None)


def _holds(limit: Limit, minute: int) -> bool:
    if limit.start < limit.end:
        return limit.start <= minute < limit.end
    return minute >= limit.start or minute < limit.end


class Throttle:
    """A bucket of bytes that fills at the rate of the hour, shared by a sync's `connections`."""

    def __init__(
        self,
        limits: Sequence[Limit] = (),
        connections: int = 4,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
        today: Callable[[], datetime] = datetime.now,
    ) -> None:
        self.connections = connections
        self._limits, self._clock, self._wait, self._today = tuple(limits), clock, wait, today
        self._lock = threading.Lock()
        self._free_at = clock()

    @property
    def bytes_per_s(self) -> float | None:
        """The limit of this hour; None where there is none."""
        return rate_at(self._limits, self._today())

    def take(self, size_bytes: int) -> None:
        """Wait until so many bytes may go."""
        if not self._limits:
            return
        with self._lock:
            rate = self.bytes_per_s
            now = self._clock()
            if rate is None:
                self._free_at = now
                return
            wait_s = self._free_at - now
            self._free_at = max(self._free_at, now - BURST_S) + size_bytes / rate
        if wait_s > 0:
            self._wait(wait_s)
