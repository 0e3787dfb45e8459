"""Tables as firmware makes them, built from the reference specification (DSP0134)."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Module:
    """A memory device; 0 GiB is an empty slot."""

    locator: str
    gib: int
    kind: int = 0x22  # DDR5
    rated_mt_s: int = 5600
    configured_mt_s: int = 5600
    width_bits: int = 64


def structure(kind: int, body: bytes, strings: tuple[str, ...] = ()) -> bytes:
    """One structure: its header, its body, its strings and two zeros."""
    text = b"".join(string.encode() + b"\0" for string in strings) or b"\0"
    return struct.pack("<BBH", kind, len(body) + 4, kind) + body + text + b"\0"


def memory_device(module: Module) -> bytes:
    """Type 17 of version 3.2, without the fields that follow the configured voltage."""
    mib = module.gib * 1024
    body = struct.pack(
        "<HHHHHBBBBBHHBBBBBIHHHH",
        0x1000, 0xFFFE, module.width_bits + 8, module.width_bits,
        min(mib, 0x7FFF), 0x09, 0, 1, 2, module.kind, 0x80, module.rated_mt_s,
        3, 0, 0, 4, 2, mib if mib >= 0x7FFF else 0, module.configured_mt_s, 1100, 1100, 1100,
    )  # fmt: skip
    return structure(17, body, (module.locator, "BANK 0", "Maker", "PART"))


def table(modules: list[Module]) -> bytes:
    """A firmware's whole table: something before, the modules, something after, the end."""
    parts = [structure(0, bytes(20), ("Maker", "1.0")), structure(32, bytes(7))]
    parts += map(memory_device, modules)
    parts += [structure(19, bytes(27)), structure(127, b"")]
    return b"".join(parts)


def in_base64(modules: list[Module]) -> str:
    """As hardware.sh prints it."""
    return base64.b64encode(table(modules)).decode()
