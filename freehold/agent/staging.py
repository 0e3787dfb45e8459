"""The folder beside a set's own in which the set is put together, and its journal of pieces."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from freehold.agent.order import Order

ORDER = ".freehold-order"  # stays in the finished folder: the pieces' hashes, for `verify`
JOURNAL = ".freehold-journal"  # a line `FILE PIECE` for each piece that was written
READ_BACK = ".freehold-read-back"  # the same of those that this sync has read back from the disk


Run = tuple[int, int, int]
"""Pieces of one file that follow each other: the file, the first, how many."""


def staging_of(folder: str) -> Path:
    """Where the set of `folder` is put together."""
    return Path(f"{folder}.partial")


class Staging:
    """A set on its way. `has` knows what the journal says; only the end proves it."""

    def __init__(self, folder: Path, order: Order) -> None:
        self.folder, self.order, self.began_s = folder, order, time.time()
        self._marks = [bytearray(order.pieces(index)) for index in range(len(order.files))]
        self._read_back = [bytearray(len(marks)) for marks in self._marks]
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._journal = os.open(folder / JOURNAL, flags, 0o600)
        # `begin` removes it first: what an earlier sync saw, a power cut may have undone.
        self._read_back_journal = os.open(folder / READ_BACK, flags, 0o600)
        self.refresh()

    @classmethod
    def open(cls, folder: str) -> Staging:
        """One that `begin` prepared. Raises OSError, OrderError where it did not."""
        staging = staging_of(folder)
        return cls(staging, Order.of_bytes((staging / ORDER).read_bytes()))

    def path(self, file: int) -> Path:
        """Where the file lies."""
        return self.folder / self.order.files[file].path

    def has(self, file: int, piece: int) -> bool:
        """Whether the piece was written."""
        return bool(self._marks[file][piece])

    def has_any(self, file: int) -> bool:
        """Whether any piece of the file was written."""
        return any(self._marks[file])

    def note(self, file: int, piece: int) -> None:
        """Keep in the journal that the piece was written: one append, whole or not at all."""
        self._marks[file][piece] = 1
        os.write(self._journal, b"%d %d\n" % (file, piece))

    def note_read_back(self, file: int, piece: int) -> None:
        """Keep that the disk gave the piece back as it was written, past the page cache."""
        self._read_back[file][piece] = 1
        os.write(self._read_back_journal, b"%d %d\n" % (file, piece))

    def note_all(self, file: int) -> None:
        """`note` of every piece of a file."""
        marks = self._marks[file]
        lines = [b"%d %d\n" % (file, piece) for piece, mark in enumerate(marks) if not mark]
        self._marks[file] = bytearray(b"\1" * len(marks))
        with open(self._journal, "ab", closefd=False) as journal:
            journal.writelines(lines)

    def forget(self, file: int, piece: int) -> None:
        """The piece is not what it was; the journal is told by `rewrite`."""
        self._marks[file][piece] = 0

    def forget_all(self, file: int) -> None:
        """The same of every piece of a file."""
        self._marks[file] = bytearray(len(self._marks[file]))

    def missing(self) -> Iterator[Run]:
        """Runs of pieces that are still to come."""
        return self._unmarked(self._marks)

    def unread(self) -> Iterator[Run]:
        """Runs of pieces that this sync has not read back from the disk."""
        return self._unmarked(self._read_back)

    def rewrite(self) -> None:
        """Make the journal say what `has` says: after pieces were forgotten."""
        os.close(self._journal)
        beside = self.folder / f"{JOURNAL}.new"
        with beside.open("wb") as journal:
            for file, marks in enumerate(self._marks):
                journal.writelines(b"%d %d\n" % (file, p) for p, mark in enumerate(marks) if mark)
        beside.replace(self.folder / JOURNAL)
        self._journal = os.open(self.folder / JOURNAL, os.O_WRONLY | os.O_APPEND)

    def refresh(self) -> None:
        """Read what other processes wrote into the journals."""
        _read(self.folder / JOURNAL, self._marks)
        _read(self.folder / READ_BACK, self._read_back)

    def close(self) -> None:
        """Give the journals back."""
        os.close(self._journal)
        os.close(self._read_back_journal)

    def _unmarked(self, of_files: list[bytearray]) -> Iterator[Run]:
        for file, marks in enumerate(of_files):
            if self.order.twin(file) != file:
                continue
            start = marks.find(0)
            while start >= 0:
                end = marks.find(1, start)
                end = len(marks) if end < 0 else end
                yield file, start, end - start
                start = marks.find(0, end)


def _read(path: Path, of_files: list[bytearray]) -> None:
    with path.open("rb") as journal:
        for line in journal:
            # The last line of a box that lost power may be anything.
            with contextlib.suppress(ValueError, IndexError):
                file, piece = (int(word) for word in line.split())
                if line.endswith(b"\n") and file >= 0 and piece >= 0:
                    of_files[file][piece] = 1
