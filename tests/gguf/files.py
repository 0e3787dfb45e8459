"""Small GGUF files, written by the format's description and not by the code under test."""

from __future__ import annotations

import struct
from pathlib import Path

STRING, ARRAY, UINT32, UINT16, BOOL, INT32, FLOAT32 = 8, 9, 4, 2, 7, 5, 6
F32, Q4_K = 0, 12
ALIGNMENT = 32


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key: str, value: str | int) -> bytes:
    if isinstance(value, int):
        return text(key) + struct.pack("<II", UINT32, value)
    return text(key) + struct.pack("<I", STRING) + text(value)


def array(key: str, kind: int, length: int, data: bytes) -> bytes:
    return text(key) + struct.pack("<IIQ", ARRAY, kind, length) + data


def tensor(name: str, dimensions: tuple[int, ...], kind: int, offset: int) -> bytes:
    shape = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
    return text(name) + shape + struct.pack("<IQ", kind, offset)


def header(
    pairs: list[bytes], tensors: list[bytes], version: int = 3, magic: bytes = b"GGUF"
) -> bytes:
    counts = struct.pack("<IQQ", version, len(tensors), len(pairs))
    return magic + counts + b"".join(pairs) + b"".join(tensors)


def with_data(head: bytes, data: bytes) -> bytes:
    return head + bytes(-len(head) % ALIGNMENT) + data


def write_model(path: Path, architecture: str = "llama", **pairs: str | int) -> Path:
    """A whole file of one 32 x 2 F32 tensor (256 bytes of data)."""
    known = [pair("general.architecture", architecture)]
    known += [pair(key.replace("_", "."), value) for key, value in pairs.items()]
    head = header(known, [tensor("token_embd.weight", (32, 2), F32, 0)])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(with_data(head, bytes(256)))
    return path


def shard(number: int, count: int, holding: int = 2, /, **instead: int) -> bytes:
    """One of `count` files as gguf-split writes them; the first one holds no tensor.

    `instead` replaces a key's value: no, count, tensors.
    """
    says = {"no": number - 1, "count": count, "tensors": holding * (count - 1)} | instead
    pairs = [pair("split.no", says["no"]), pair("split.count", says["count"])]
    pairs.append(pair("split.tensors.count", says["tensors"]))
    if number == 1:
        return header([pair("general.architecture", "llama"), *pairs], [])
    infos = [tensor(f"blk.{number}.{n}", (32,), F32, 128 * n) for n in range(holding)]
    return with_data(header(pairs, infos), bytes(128 * holding))


def write_shards(folder: Path, count: int, stem: str = "m") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stem}-{n:05d}-of-{count:05d}.gguf" for n in range(1, count + 1)]
    for number, path in enumerate(paths, 1):
        path.write_bytes(shard(number, count))
    return paths


def vocabulary(tokens: int, merges: int) -> list[bytes]:
    """Pairs as large models have them: their tokens, types and merges."""
    words = b"".join(text(f"token {n:06d}") for n in range(tokens))
    pairs = b"".join(text(f"tok {n:06d}") for n in range(merges))
    return [
        array("tokenizer.ggml.tokens", STRING, tokens, words),
        array("tokenizer.ggml.token_type", INT32, tokens, bytes(4 * tokens)),
        array("tokenizer.ggml.merges", STRING, merges, pairs),
    ]


def large_header() -> bytes:
    """As long as GLM-5.2's: 1,809 tensors of one block each, 154,880 tokens, 321,649 merges."""
    pairs = [pair("general.architecture", "glm-dsa"), *vocabulary(154_880, 321_649)]
    # 144 bytes of a block, padded to 160
    infos = [tensor(f"blk.{n}.attn_output.weight", (256,), Q4_K, 160 * n) for n in range(1809)]
    return header(pairs, infos)
