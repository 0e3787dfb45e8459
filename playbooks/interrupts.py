"""What Ctrl-C, SIGTERM and SIGHUP mean to a run that must not leave anything billing."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Self

from invoke.exceptions import Exit

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """The first signal ends what is under way, and the run goes on to its teardown; the second
    leaves at once, with `last_words`.

    A terminal that goes away says so more than once, and is one signal; what is said from then on
    goes into `log`.
    """

    def __init__(self, last_words: Callable[[], str], log: Path) -> None:
        self._last_words, self._log = last_words, log
        self._ends: dict[object, Callable[[], object]] = {}
        self._before: dict[int, Any] = {}
        self._first: int | None = None

    @property
    def is_asked(self) -> bool:
        """Whether a first signal came."""
        return self._first is not None

    @property
    def exit_code(self) -> int:
        """Of a run that a signal ended: 128 and its number, as shells have it."""
        return 128 + (self._first or 0)

    def __enter__(self) -> Self:
        for number in SIGNALS:
            # Under nohup a terminal may go, and nothing is to end.
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def ending(self, end: Callable[[], object]) -> Iterator[None]:
        """The first signal calls `end`, once, while the block runs, or at its beginning if it
        came."""
        key = object()
        self._ends[key] = end
        try:
            if self.is_asked:
                self._end()
            yield
        finally:
            self._ends.pop(key, None)

    def _end(self) -> None:
        """What is called is forgotten first: a signal may come between any two steps."""
        for key in tuple(self._ends):
            if (end := self._ends.pop(key, None)) is not None:
                end()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self._first == signal.SIGHUP:
            return
        is_second = self.is_asked
        if not is_second:
            self._first = number
        if number == signal.SIGHUP:
            self._turn_output_to_log()
        if is_second:
            raise Exit(self._last_words(), code=128 + number)
        # Not by print, which may be at work below us.
        _say(
            f"\n{signal.Signals(number).name}: ending it and tearing down; again to leave at once\n"
        )
        self._end()

    def _turn_output_to_log(self) -> None:
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for number in (1, 2):
            os.dup2(log, number)
        os.close(log)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, text.encode())
