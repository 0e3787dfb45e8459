"""Where pieces land: each is hashed before it is written, and journaled once it was."""

from __future__ import annotations

import errno
import os

from freehold.agent.check import aligned, read_at
from freehold.agent.merkle import hash_piece
from freehold.agent.order import Order
from freehold.agent.staging import Staging

DIRECT_BYTES = 4096  # what O_DIRECT's offsets and lengths are multiples of, on every disk
BACK_BYTES = 1 << 20  # of a piece that are read back at a time


class Landing:
    """The files of a staging folder, open for writing. Several processes may land at once: what
    one writes is what any other would write there."""

    def __init__(self, staging: Staging, *, is_direct: bool = False) -> None:
        self._staging = staging
        self._is_direct = is_direct
        self._descriptors: dict[tuple[int, bool], int] = {}
        self._back = aligned(BACK_BYTES)

    @classmethod
    def open(cls, folder: str, *, is_direct: bool = False) -> Landing:
        """For the set of the final `folder`, whose staging folder `begin` prepared.

        Where `is_direct`, pieces that begin at a page of memory are written past the page cache,
        if the file system can, and read back from the disk at once. Fresh pages cost the kernel up
        to 2 CPU s/GiB, and a disk that is read while more arrives is not waited for at the end.
        """
        return cls(Staging.open(folder), is_direct=is_direct)

    @property
    def order(self) -> Order:
        """What is to land."""
        return self._staging.order

    def missing(self) -> list[tuple[int, int, int]]:
        """Runs of pieces that are not there by the journal: file, first piece, count."""
        return list(self._staging.missing())

    def land(self, file: int, piece: int, data: memoryview) -> bool:
        """Write the piece if it is the one; False where its hash is another's."""
        order = self.order
        size = order.files[file].size_bytes
        if len(data) != order.piece_size(file, piece):
            return False
        if hash_piece(data, order.piece_bytes, size) != order.piece_hash(file, piece):
            return False
        offset, written = piece * order.piece_bytes, 0
        while written < len(data):
            is_direct = self._is_direct and (len(data) - written) % DIRECT_BYTES == 0
            written += self._write(file, data[written:], offset + written, is_direct=is_direct)
        self._staging.note(file, piece)
        # A file's odd end went through the cache. What is not noted here, `finish` reads back.
        is_all_direct = self._is_direct and len(data) % DIRECT_BYTES == 0
        if is_all_direct and self._is_back(file, data, offset):
            self._staging.note_read_back(file, piece)
        return True

    def note(self, file: int, piece: int) -> None:
        """Somebody else wrote the piece, and checked it."""
        self._staging.note(file, piece)

    def close(self) -> None:
        """Give the files back."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()
        self._staging.close()

    def _write(self, file: int, data: memoryview, offset: int, *, is_direct: bool) -> int:
        try:
            return os.pwrite(self._descriptor(file, is_direct=is_direct), data, offset)
        except OSError as error:
            if not is_direct or error.errno != errno.EINVAL:
                raise
        self._is_direct = False  # no such thing here
        return os.pwrite(self._descriptor(file, is_direct=False), data, offset)

    def _is_back(self, file: int, data: memoryview, offset: int) -> bool:
        """Whether the disk gives back what was written there: its hash is known already."""
        descriptor = self._descriptor(file, is_direct=True)
        for start in range(0, len(data), BACK_BYTES):
            part = data[start : start + BACK_BYTES]
            if not read_at(descriptor, self._back, len(part), offset + start):
                return False
            # By words: Python compares single bytes one by one, ten times as slowly.
            if self._back[: len(part)].cast("Q") != part.cast("Q"):
                return False
        return True

    def _descriptor(self, file: int, *, is_direct: bool) -> int:
        key = file, is_direct
        if key not in self._descriptors:
            # No link is followed: `begin` made each of these files itself.
            flags = os.O_RDWR | os.O_NOFOLLOW | (os.O_DIRECT if is_direct else 0)
            self._descriptors[key] = os.open(self._staging.path(file), flags)
        return self._descriptors[key]
