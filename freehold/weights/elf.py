"""What a Linux program or library says of itself: for which processor, its name, what it needs."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian: all that an engine runs on
_MACHINES = {62: "x86_64", 183: "aarch64", 243: "riscv64"}  # e_machine, as `uname -m` says it
_LOAD, _DYNAMIC = 1, 2  # p_type
_NEEDED, _STRTAB, _STRSZ, _SONAME = 1, 5, 10, 14  # d_tag
_SIZE_MAX = 1 << 20  # of the tables that are read: those of a CUDA build have kilobytes


@dataclass(frozen=True)
class Elf:
    """`arch` is `uname -m`'s; `soname` is "" of a program, or of a library without one."""

    arch: str
    soname: str
    needed: tuple[str, ...]


def read_elf(path: Path) -> Elf | None:
    """What the file says; None where it is no ELF file of 64 bits.

    Source: elf(5). Raises ValueError where it begins as one and is none.
    """
    with path.open("rb") as file:
        header = file.read(64)
        if not header.startswith(_MAGIC):
            return None
        try:
            return _read(file, header)
        except (struct.error, IndexError, OverflowError, OSError):
            raise ValueError(f"{path.name} is a damaged ELF file") from None


def _read(file: IO[bytes], header: bytes) -> Elf:
    (machine,) = struct.unpack_from("<H", header, 18)
    (at,) = struct.unpack_from("<Q", header, 32)
    size, count = struct.unpack_from("<HH", header, 54)
    arch = _MACHINES.get(machine, f"machine {machine}")
    table = _at(file, at, size * count)
    parts = [struct.unpack_from("<IIQQQQ", table, size * each) for each in range(count)]
    dynamic = next((part for part in parts if part[0] == _DYNAMIC), None)
    if dynamic is None:
        return Elf(arch, "", ())
    entries = list(struct.iter_unpack("<qQ", _at(file, dynamic[2], dynamic[5] // 16 * 16)))
    known = dict(entries)
    names = _at(file, _offset(parts, known.get(_STRTAB, 0)), known.get(_STRSZ, 0))

    def name(offset: int) -> str:
        return names[offset : names.index(b"\0", offset)].decode("utf-8", "replace")

    soname = name(known[_SONAME]) if _SONAME in known else ""
    return Elf(arch, soname, tuple(name(value) for tag, value in entries if tag == _NEEDED))


def _offset(parts: list[tuple[int, ...]], address: int) -> int:
    """Where in the file lies what is at that address."""
    for kind, _flags, offset, start, _physical, size in parts:
        if kind == _LOAD and start <= address < start + size:
            return offset + address - start
    raise IndexError(address)


def _at(file: IO[bytes], offset: int, size: int) -> bytes:
    if size > _SIZE_MAX:
        raise IndexError(size)
    file.seek(offset)
    if len(data := file.read(size)) < size:
        raise IndexError(offset)
    return data
