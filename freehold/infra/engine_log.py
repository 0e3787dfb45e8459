"""What the provider says while it works goes to the engine, which shows it by its resource."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

SAY_EVERY_S = 1.0


class EngineLog:
    """A client of the engine at `address`; without an address it speaks to stderr."""

    def __init__(self, address: str | None) -> None:
        channel = grpc.insecure_channel(address) if address else None
        self._engine = engine_pb2_grpc.EngineStub(channel) if channel else None

    def status(self, urn: str, message: str) -> None:
        """A passing state: shown in a terminal until the next one."""
        self._say(urn, message, is_ephemeral=True)

    def info(self, urn: str, message: str) -> None:
        """A line that stays."""
        self._say(urn, message, is_ephemeral=False)

    def _say(self, urn: str, message: str, is_ephemeral: bool) -> None:
        if self._engine is None:
            print(message, file=sys.stderr)
            return
        request = engine_pb2.LogRequest(
            severity=engine_pb2.INFO, message=message, urn=urn, ephemeral=is_ephemeral
        )
        self._engine.Log(request)


class SyncProgress:
    """A sync as lines: many a second in, one every SAY_EVERY_S out; `keep` takes what stays."""

    def __init__(
        self, total_bytes: int, say: Callable[[str], None], keep: Callable[[str], None]
    ) -> None:
        self._total, self._done, self._read = total_bytes, 0, 0
        self._say, self._keep = say, keep
        self._began = self._said = time.monotonic()
        self._lock = threading.Lock()

    def moved(self, size_bytes: int) -> None:
        """See Heard.moved."""
        with self._lock:
            self._done += size_bytes
            if (now := self._now_and_then()) is None:
                return
            rate = self._done / max(now - self._began, 1e-6)
            left_s = (self._total - self._done) / max(rate, 1)
            self._say(
                f"{self._done / 1e6:,.0f} of {self._total / 1e6:,.0f} MB, "
                f"{rate / 1e6:,.0f} MB/s, {left_s:,.0f} s left"
            )

    def read_back(self, size_bytes: int) -> None:
        """See Heard.read_back."""
        with self._lock:
            self._read += size_bytes
            if self._now_and_then() is not None:
                read, total = self._read / 1e6, self._total / 1e6
                self._say(f"reading back: {read:,.0f} of {total:,.0f} MB")

    def told(self, text: str) -> None:
        """See Heard.told."""
        self._keep(text)

    def _now_and_then(self) -> float | None:
        now = time.monotonic()
        if now - self._said < SAY_EVERY_S:
            return None
        self._said = now
        return now
