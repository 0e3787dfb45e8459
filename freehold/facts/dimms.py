"""Memory modules as the firmware's table (SMBIOS) names them."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass

# DSP0134 (the SMBIOS reference specification), "Memory Device (Type 17)": its Memory Type field.
_TYPES = {0x18: "DDR3", 0x1A: "DDR4", 0x1D: "LPDDR3", 0x1E: "LPDDR4", 0x22: "DDR5", 0x23: "LPDDR5"}
_MEMORY_DEVICE, _END = 17, 127
_UNKNOWN = 0xFFFF


@dataclass(frozen=True)
class Dimm:
    """One populated module. `speed_mt_s` is what it runs at; None where the firmware is silent.

    `width_bits` is that of its data, without those of error correction.
    """

    locator: str
    type: str
    size_bytes: int
    speed_mt_s: int | None
    width_bits: int


def read_dimms(table: str) -> tuple[Dimm, ...]:
    """The modules in `table`, base64 of /sys/firmware/dmi/tables/DMI; none of an empty one.

    None too of a table that is broken, as that of some virtual machines is: a part of the modules
    would say less than a guess. Raises ValueError where `table` is not base64.
    """
    whole = base64.b64decode(table, validate=True)
    try:
        return tuple(
            dimm
            for kind, body, strings in _structures(whole)
            if kind == _MEMORY_DEVICE and (dimm := _dimm(body, strings)) is not None
        )
    except (_BrokenTableError, struct.error):
        return ()


class _BrokenTableError(Exception):
    """A structure has no end, or is shorter than its own header."""


def _structures(table: bytes) -> Iterator[tuple[int, bytes, list[str]]]:
    """Type, formatted part and strings of each structure; two zero bytes end its strings."""
    at = 0
    while at + 4 <= len(table):
        kind, length = table[at], table[at + 1]
        end = table.find(b"\0\0", at + length)
        if length < 4 or end < 0:
            raise _BrokenTableError
        strings = table[at + length : end].decode("latin-1").split("\0")
        yield kind, table[at : at + length], strings
        if kind == _END:
            return
        at = end + 2


def _dimm(body: bytes, strings: list[str]) -> Dimm | None:
    width, size = struct.unpack_from("<HH", body, 0x0A)
    if size in (0, _UNKNOWN):  # an empty slot
        return None
    size_bytes = (size & 0x7FFF) << (10 if size & 0x8000 else 20)
    if size == 0x7FFF and len(body) >= 0x20:  # 32 GiB or more: in a field of its own, in MiB
        size_bytes = (struct.unpack_from("<I", body, 0x1C)[0] & 0x7FFFFFFF) << 20
    speeds = [
        struct.unpack_from("<H", body, offset)[0]
        for offset in (0x20, 0x15)  # as configured, else as the module could
        if len(body) >= offset + 2
    ]
    return Dimm(
        locator=strings[body[0x10] - 1] if 0 < body[0x10] <= len(strings) else "",
        type=_TYPES.get(body[0x12], ""),
        size_bytes=size_bytes,
        speed_mt_s=next((speed for speed in speeds if speed not in (0, _UNKNOWN)), None),
        width_bits=64 if width in (0, _UNKNOWN) else width,
    )
