"""Small GGUF files, written by the format's description and not by the code under test."""

from __future__ import annotations

import struct
from pathlib import Path

STRING, ARRAY, UINT32, UINT16 = 8, 9, 4, 2


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key: str, value: str | int) -> bytes:
    if isinstance(value, int):
        return text(key) + struct.pack("<II", UINT32, value)
    return text(key) + struct.pack("<I", STRING) + text(value)


def tensor(name: str, dimensions: tuple[int, ...], kind: int, offset: int) -> bytes:
    shape = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
    return text(name) + shape + struct.pack("<IQ", kind, offset)


def header(
    pairs: list[bytes], tensors: list[bytes], version: int = 3, magic: bytes = b"GGUF"
) -> bytes:
    counts = struct.pack("<IQQ", version, len(tensors), len(pairs))
    return magic + counts + b"".join(pairs) + b"".join(tensors)


def write_model(path: Path, architecture: str = "llama", **pairs: str | int) -> Path:
    """A whole file of one 32 x 2 F32 tensor (256 bytes of data)."""
    known = [pair("general.architecture", architecture)]
    known += [pair(key.replace("_", "."), value) for key, value in pairs.items()]
    head = header(known, [tensor("token_embd.weight", (32, 2), 0, 0)])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(256))
    return path
