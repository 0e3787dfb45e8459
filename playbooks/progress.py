"""Progress of long work: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

LOG_EVERY_PERCENT = 10
COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    DownloadColumn(),
    TransferSpeedColumn(),
    TimeRemainingColumn(),
)


@contextlib.contextmanager
def bar(title: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """Yields what is to be called with the size of each piece that is done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(title, total_bytes, console)
        return
    with Progress(*COLUMNS, console=console, transient=True) as progress:
        task = progress.add_task(title, total=total_bytes)
        yield lambda size_bytes: progress.advance(task, size_bytes)


def _lines(title: str, total_bytes: int, console: Console) -> Callable[[int], None]:
    done, said = 0, 0

    def add(size_bytes: int) -> None:
        nonlocal done, said
        done += size_bytes
        percent = 100 * done // max(total_bytes, 1)
        if percent >= said + LOG_EVERY_PERCENT:
            said = percent // LOG_EVERY_PERCENT * LOG_EVERY_PERCENT
            console.print(f"{title}: {said} % of {total_bytes / 1e6:,.0f} MB", highlight=False)

    return add


def warn(text: str) -> None:
    """A line on stderr, for what a person should know and no task fails of."""
    Console(stderr=True).print(text, highlight=False, markup=False)
