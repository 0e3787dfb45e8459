"""Where on the block device a file's bytes lie, and whether they can still be read there."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from freehold.agent.check import aligned, open_read, read_at

BLOCK_BYTES = 4096
PLACES_MAX = 64  # of each file
_FIEMAP = 0xC020660B  # linux/fs.h: FS_IOC_FIEMAP, _IOWR('f', 11, struct fiemap)
_HEAD = struct.Struct("=QQLLLL")
_EXTENT = struct.Struct("=QQQQQLLLL")
_COUNT = 256
_SYNC, _LAST, _SHARED = 0x1, 0x1, 0x2000
_NO_BYTES = 0x2 | 0x4 | 0x8 | 0x80 | 0x200 | 0x800  # unknown, not yet, encoded, inline, unwritten


@dataclass(frozen=True)
class Extent:
    """Bytes of a file that lie together on its device."""

    logical: int
    physical: int
    size_bytes: int
    flags: int

    @property
    def is_shared(self) -> bool:
        """Whether another file has the same blocks: writing here would leave those as they are."""
        return bool(self.flags & _SHARED)


@dataclass(frozen=True)
class Place:
    """One block of a device, and the hash of what a file had there."""

    physical: int
    digest: bytes


def extents(descriptor: int) -> Iterator[Extent]:
    """Of an open file, in their order; FIEMAP, Linux's Documentation/filesystems/fiemap.rst.

    Raises OSError where the filesystem cannot say.
    """
    start = 0
    while True:
        data = bytearray(_HEAD.size + _COUNT * _EXTENT.size)
        _HEAD.pack_into(data, 0, start, (1 << 64) - 1 - start, _SYNC, 0, _COUNT, 0)
        fcntl.ioctl(descriptor, _FIEMAP, data)
        count = _HEAD.unpack_from(data)[3]
        for index in range(count):
            fields = _EXTENT.unpack_from(data, _HEAD.size + index * _EXTENT.size)
            yield Extent(fields[0], fields[1], fields[2], fields[5])
            start = fields[0] + fields[2]
            if fields[5] & _LAST:
                return
        if not count:
            return


def places_of(path: Path, device: str) -> list[Place]:
    """Some blocks of the file, where the device itself shows the very bytes that the file has.

    None where the filesystem does not say where they are, or what it says is not understood. What
    is all zeros is no place: it would prove nothing.
    """
    buffer, found = aligned(BLOCK_BYTES), []
    try:
        raw, file = open_read(device, from_disk=True), open_read(path, from_disk=False)
    except OSError:
        return []
    try:
        step = max(1, os.fstat(file).st_size // BLOCK_BYTES // PLACES_MAX) * BLOCK_BYTES
        for physical, logical in _blocks(file, step):
            if not read_at(file, buffer, BLOCK_BYTES, logical):
                continue
            content = buffer[:BLOCK_BYTES].tobytes()
            if not any(content) or not read_at(raw, buffer, BLOCK_BYTES, physical):
                continue
            if buffer[:BLOCK_BYTES] != content:
                return []
            found.append(Place(physical, sha256(content).digest()))
    except OSError:
        return []
    finally:
        os.close(raw)
        os.close(file)
    return found


def still_readable(places: list[Place], device: str) -> int:
    """How many of `places` still show, read from the device itself, what they had."""
    raw, buffer, count = open_read(device, from_disk=True), aligned(BLOCK_BYTES), 0
    try:
        for place in places:
            # What cannot be read any more is not there to be read.
            if read_at(raw, buffer, BLOCK_BYTES, place.physical):
                count += sha256(buffer[:BLOCK_BYTES]).digest() == place.digest
    finally:
        os.close(raw)
    return count


def _blocks(descriptor: int, step: int) -> Iterator[tuple[int, int]]:
    """A whole block every `step` bytes: where it is on the device, and in the file."""
    wanted = 0
    for extent in extents(descriptor):
        if extent.flags & _NO_BYTES:
            continue
        logical = max(wanted, extent.logical)
        while logical + BLOCK_BYTES <= extent.logical + extent.size_bytes:
            yield extent.physical + logical - extent.logical, logical
            logical += step
        wanted = logical
