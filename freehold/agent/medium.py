"""What a folder lies on: its filesystem, the block device below it, and what those can do."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

IN_PLACE = frozenset({"ext2", "ext3", "ext4", "xfs"})
"""Filesystems that write a file's bytes where those of before lay."""
_FITRIM = 0xC0185879  # linux/fs.h: _IOWR('X', 121, struct fstrim_range)
_RANGE = struct.Struct("=QQQ")


@dataclass(frozen=True)
class Medium:
    """`device` is "" where no block device lies below; `discard_max_bytes` is 0 where it can
    discard nothing. `is_rotational` and `is_encrypted` are what the kernel says of it."""

    mount: str
    filesystem: str
    options: tuple[str, ...]
    device: str
    is_rotational: bool
    is_encrypted: bool
    discard_max_bytes: int

    @property
    def is_in_place(self) -> bool:
        """Whether zeros written over a file come to lie where its bytes lay."""
        return self.filesystem in IN_PLACE and "data=journal" not in self.options


def medium_of(folder: Path, mounts: str | None = None) -> Medium:
    """Of the mount that holds `folder`; `mounts` is what /proc/self/mountinfo says, proc(5)."""
    text = Path("/proc/self/mountinfo").read_text() if mounts is None else mounts
    mount, number, filesystem, options = "/", "", "unknown", ""
    real = str(folder.resolve())
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, last = left.split(), right.split()
        point = _unescaped(fields[4])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(mount):  # a later one covers an earlier
            mount, number = point, fields[2]
            filesystem, options = last[0], f"{fields[5]},{last[2]}"
    block = Path("/sys/dev/block", number)
    device = _value(block / "uevent", "DEVNAME=")
    queue = block / "queue" if (block / "queue").exists() else block.resolve().parent / "queue"
    return Medium(
        mount=mount,
        filesystem=filesystem,
        options=tuple(options.split(",")),
        device=f"/dev/{device}" if device else "",
        is_rotational=bool(device) and _value(queue / "rotational") == "1",
        is_encrypted=_is_encrypted(block),
        discard_max_bytes=int(_value(queue / "discard_max_bytes") or 0) if device else 0,
    )


def trim(mount: str) -> int | None:
    """Have the filesystem tell its device which blocks are free (fstrim(8)): how many bytes it
    told of, None where that is not possible."""
    data = bytearray(_RANGE.pack(0, (1 << 64) - 1, 0))
    descriptor = os.open(mount, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, _FITRIM, data)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    told: int = _RANGE.unpack(data)[1]
    return told


def swaps() -> list[str]:
    """The devices and files that memory may be swapped to."""
    try:
        lines = Path("/proc/swaps").read_text().splitlines()[1:]
    except OSError:
        return []
    return [line.split()[0] for line in lines if line.split()]


def _is_encrypted(block: Path) -> bool:
    """Whether it, or a device that it is made of, is a dm-crypt's."""
    if _value(block / "dm/uuid").startswith("CRYPT-"):
        return True
    return any(_is_encrypted(each) for each in (block / "slaves").glob("*"))


def _value(path: Path, prefix: str = "") -> str:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    return next((line[len(prefix) :] for line in lines if line.startswith(prefix)), "")


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
