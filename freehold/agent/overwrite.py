"""Zeros over a file where it lies, flushed, and read back from the disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from freehold.agent.check import aligned, open_read, read_at
from freehold.agent.extents import BLOCK_BYTES, extents

CHUNK_BYTES = 8 << 20


def overwrite(path: Path, on_bytes: Callable[[int], None]) -> bool:
    """Whether every byte of the file was overwritten in place and was then read back as zero.

    Past the page cache where the filesystem can, so that nothing else is pushed out of it.
    Raises OSError where it cannot be written or read.
    """
    size = -(-path.stat().st_size // BLOCK_BYTES) * BLOCK_BYTES
    if _is_shared(path):
        return False
    zeros = aligned(CHUNK_BYTES)
    descriptor = _open_write(path)
    try:
        for offset in range(0, size, CHUNK_BYTES):
            _write_at(descriptor, zeros[: min(CHUNK_BYTES, size - offset)], offset)
            on_bytes(min(CHUNK_BYTES, size - offset))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return _is_zero(path, size, zeros.tobytes())


def _is_zero(path: Path, size_bytes: int, zeros: bytes) -> bool:
    buffer, descriptor = aligned(CHUNK_BYTES), open_read(path, from_disk=True)
    try:
        for offset in range(0, size_bytes, CHUNK_BYTES):
            count = min(CHUNK_BYTES, size_bytes - offset)
            if not read_at(descriptor, buffer, count, offset):
                raise OSError(errno.EIO, "expected to read back what was written", str(path))
            if buffer[:count].tobytes() != zeros[:count]:
                return False
    finally:
        os.close(descriptor)
    return True


def _is_shared(path: Path) -> bool:
    """Whether blocks of it are another file's too, as after `cp --reflink`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        return any(extent.is_shared for extent in extents(descriptor))
    except OSError:
        return False  # a filesystem that cannot say shares none
    finally:
        os.close(descriptor)


def _open_write(path: Path) -> int:
    flags = os.O_WRONLY | os.O_NOFOLLOW
    try:
        return os.open(path, flags | os.O_DIRECT)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return os.open(path, flags)


def _write_at(descriptor: int, view: memoryview, offset: int) -> None:
    while view:
        count = os.pwrite(descriptor, view, offset)
        view, offset = view[count:], offset + count
