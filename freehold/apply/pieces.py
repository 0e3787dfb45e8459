"""Which pieces are still to be sent, shared by all who send them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

Piece = tuple[int, int]
"""The index of a file, and of a piece of it."""
Run = tuple[int, int, int]
"""Pieces of one file that follow each other: the file, the first, how many."""


class ToSend(Protocol):
    """Where a stream gets what it sends, and tells what became of it. See Pieces."""

    def take(self, is_over: Callable[[], bool]) -> Run | None:
        """A run to send; None where there is nothing more to do."""

    def arrived(self) -> None:
        """One of those on their way is there."""

    def lost(self, pieces: Iterable[Piece]) -> None:
        """These did not arrive."""

    def fail(self, error: BaseException) -> None:
        """The work cannot be done."""

    def wake(self) -> None:
        """Have those that wait ask again."""

    def require(self) -> None:
        """Raises what the work failed with."""


class Pieces:
    """Runs of pieces, handed out once each; what is not acknowledged is handed out again.

    Memory follows what is on its way, not how much there is to send.
    """

    def __init__(self, runs: Iterable[Run], run_pieces_max: int) -> None:
        self._queue: deque[Run] = deque(runs)
        self._max = run_pieces_max
        self._on_the_way = 0
        self._changed = threading.Condition()
        self._error: BaseException | None = None

    def take(self, is_over: Callable[[], bool] = lambda: False) -> Run | None:
        """A run to send. While others have some on their way it waits; None once all have
        arrived, the work failed, or `is_over`."""
        with self._changed:
            while True:
                if self._error is not None or is_over():
                    return None
                if self._queue:
                    file, first, count = self._queue.popleft()
                    if count > self._max:
                        self._queue.appendleft((file, first + self._max, count - self._max))
                        count = self._max
                    self._on_the_way += count
                    return file, first, count
                if not self._on_the_way:
                    return None
                self._changed.wait()

    def arrived(self) -> None:
        """One of those on their way is there."""
        with self._changed:
            self._on_the_way -= 1
            self._changed.notify_all()

    def lost(self, pieces: Iterable[Piece]) -> None:
        """These did not arrive, and are handed out again first."""
        with self._changed:
            for file, piece in pieces:
                self._queue.appendleft((file, piece, 1))
                self._on_the_way -= 1
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """The work cannot be done: whoever takes or waits stops."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def wake(self) -> None:
        """Have those that wait ask again whether it is over for them."""
        with self._changed:
            self._changed.notify_all()

    def require(self) -> None:
        """Raises what the work failed with."""
        if self._error is not None:
            raise self._error

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to send or on its way, or the work failed."""
        with self._changed:
            return self._error is not None or not (self._queue or self._on_the_way)
