"""Progress of a build: a bar in a terminal, lines now and then in a log, all of it in a file."""

from __future__ import annotations

import contextlib
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from playbooks.progress import LOG_EVERY_PERCENT

LAST_LINES = 20
_STEP = re.compile(r"\[ *(\d+)%\] (.*)")
_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    TaskProgressColumn(),
    TimeElapsedColumn(),
    TextColumn("{task.fields[step]}"),
)


class BuildProgress:
    """Hears of what a build writes, byte by byte; `last` are its last lines."""

    def __init__(self, title: str, log: IO[bytes], console: Console, bars: Progress | None) -> None:
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        self._title, self._log, self._console, self._bars = title, log, console, bars
        self._rest, self._said = b"", 0
        self._task = bars.add_task(title, total=100, step="") if bars else None

    def hear(self, data: bytes) -> None:
        """What it has written since."""
        self._log.write(data)
        self._log.flush()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip()
            self.last.append(text)
            if step := _STEP.match(text):
                self._step(int(step[1]), step[2])

    def _step(self, percent: int, what: str) -> None:
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=percent, step=escape(what[-60:]))
        elif percent >= self._said + LOG_EVERY_PERCENT:
            self._said = percent // LOG_EVERY_PERCENT * LOG_EVERY_PERCENT
            line = f"{self._title}: [{percent:3}%] {what}"
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


@contextlib.contextmanager
def build_progress(title: str, log: Path) -> Iterator[BuildProgress]:
    """Shown on stderr, and written into the file `log` anew."""
    console = Console(stderr=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        if not console.is_terminal:
            yield BuildProgress(title, out, console, None)
            return
        with Progress(*_COLUMNS, console=console, transient=True) as bars:
            yield BuildProgress(title, out, console, bars)
