"""Progress of syncs: a bar a node and one for all in a terminal, lines now and then in a log."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import Progress, TaskID

from freehold.apply.heard import Heard
from playbooks.progress import COLUMNS, LOG_EVERY_PERCENT


@contextlib.contextmanager
def sync_progress(total_bytes: int, nodes: int) -> Iterator[Callable[[str], Heard]]:
    """Yields what gives, for a node's name, who hears of its sync of `total_bytes`."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda node: _Lines(node, total_bytes, console)
        return
    with Progress(*COLUMNS, console=console, transient=True) as progress:
        whole = progress.add_task("all nodes", total=total_bytes * nodes, visible=nodes > 1)
        yield lambda node: _Bar(node, total_bytes, progress, whole)


class _Bar:
    """A row of its own, that becomes the reading back's when all has moved."""

    def __init__(self, node: str, total_bytes: int, progress: Progress, whole: TaskID) -> None:
        self._node, self._total, self._progress, self._whole = node, total_bytes, progress, whole
        self._task = progress.add_task(f"{node}  syncing", total=total_bytes)
        self._reading: TaskID | None = None

    def moved(self, size_bytes: int) -> None:
        """See Heard.moved."""
        self._progress.advance(self._task, size_bytes)
        self._progress.advance(self._whole, size_bytes)

    def read_back(self, size_bytes: int) -> None:
        """See Heard.read_back."""
        if self._reading is None:
            what = f"{self._node}  reading back"
            self._reading = self._progress.add_task(what, total=self._total)
        self._progress.advance(self._reading, size_bytes)

    def told(self, text: str) -> None:
        """See Heard.told."""
        self._progress.console.print(f"{self._node}: {text}", highlight=False, markup=False)


class _Lines:
    """A line every ten percent, with the rate and what is left."""

    def __init__(self, node: str, total_bytes: int, console: Console) -> None:
        self._node, self._total, self._console = node, total_bytes, console
        self._done = {"synced": 0, "read back": 0}
        self._said = {"synced": 0, "read back": 0}
        self._began_s = time.monotonic()
        self._lock = threading.Lock()

    def moved(self, size_bytes: int) -> None:
        """See Heard.moved."""
        self._add("synced", size_bytes)

    def read_back(self, size_bytes: int) -> None:
        """See Heard.read_back."""
        self._add("read back", size_bytes)

    def told(self, text: str) -> None:
        """See Heard.told."""
        self._say(text)

    def _add(self, what: str, size_bytes: int) -> None:
        with self._lock:
            self._done[what] += size_bytes
            percent = 100 * self._done[what] // max(self._total, 1)
            if percent < self._said[what] + LOG_EVERY_PERCENT:
                return
            self._said[what] = percent // LOG_EVERY_PERCENT * LOG_EVERY_PERCENT
            rate = self._done[what] / max(time.monotonic() - self._began_s, 1e-6)
            left_s = (self._total - self._done[what]) / max(rate, 1)
            self._say(
                f"{self._said[what]} % of {self._total / 1e6:,.0f} MB {what}"
                + (f", {rate / 1e6:,.0f} MB/s, {left_s:,.0f} s left" if what == "synced" else "")
            )

    def _say(self, text: str) -> None:
        self._console.print(f"{self._node}: {text}", highlight=False, markup=False)
