"""One GGUF file's header: its metadata, its tensors, and whether the file holds all of them.

Source: ggml/docs/gguf.md of llama.cpp, versions 2 and 3; what is refused is what its
ggml/src/gguf.cpp refuses, and tensors without any element besides.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from freehold.gguf.error import GgufError
from freehold.gguf.header import Shard
from freehold.gguf.prefix import Prefix
from freehold.gguf.source import ByteSource, FileSource
from freehold.gguf.tensor import BLOCKS, NUMBERS, Tensor
from freehold.gguf.values import UINT32, UINT64, Values

MAGIC = b"GGUF"
ALIGNMENT_KEY = "general.alignment"
_ALIGNMENT_BYTES = 32  # GGUF_DEFAULT_ALIGNMENT
_PAIRS_MAX = _TENSORS_MAX = 1 << 16  # a shard has below a hundred, and a few thousand
_KEY_BYTES_MAX = 65_535  # gguf.md
_NAME_BYTES_MAX = 63  # GGML_MAX_NAME, which counts the end mark
_DIMENSIONS_MAX = 4  # GGML_MAX_DIMS
_ELEMENTS_MAX = 2**63 - 1


def require_whole(path: Path) -> Shard:
    """The header of a local file that has all of its bytes. Raises GgufError where it has not."""
    return read_shard(FileSource(path))


def read_shard(source: ByteSource) -> Shard:
    """The header of one file, of which only the first bytes are read.

    Raises GgufError where it is none, or names tensors that lie beyond the file's end.
    """
    prefix = Prefix(source)
    if prefix.data[:4] != MAGIC:
        found = bytes(prefix.data[:4])
        raise GgufError.of(source.place, f"expected a GGUF file, found one that begins {found!r}")
    values = Values(prefix, source.place)
    values.at = len(MAGIC)
    _require_version(values)
    tensor_count, pair_count = values.scalar(UINT64), values.scalar(UINT64)
    if tensor_count > _TENSORS_MAX or pair_count > _PAIRS_MAX:
        raise values.wrong(f"a header that counts to {max(tensor_count, pair_count)}")
    metadata, alignment_bytes = _metadata(values, pair_count)
    tensors = _tensors(values, tensor_count, alignment_bytes)
    start = _padded(values.at, alignment_bytes)
    if tensors:
        prefix.reach(start)
    ends = [start + (tensor.offset or 0) + (tensor.size_bytes or 0) for tensor in tensors]
    end, size_bytes = max(ends, default=values.at), source.size_bytes()
    if size_bytes is not None and end > size_bytes:
        raise GgufError.of(
            source.place,
            f"the file is cut short: expected at least {end} bytes "
            f"for its {len(tensors)} tensors, found {size_bytes}",
            "fetch it again",
        )
    raw = bytes(memoryview(prefix.data)[:start])
    return Shard(source.place, metadata, tensors, raw, end if size_bytes is None else size_bytes)


def _require_version(values: Values) -> None:
    version = values.scalar(UINT32)
    if version & 0xFFFF == 0:  # gguf.cpp's test
        raise values.wrong("one of the other byte order")
    if version not in (2, 3):
        raise values.wrong(f"GGUF version {version}, not 2 or 3")


def _metadata(values: Values, count: int) -> tuple[dict[str, Any], int]:
    """The pairs, and the alignment that they set."""
    metadata: dict[str, Any] = {}
    alignment_bytes = _ALIGNMENT_BYTES
    for _ in range(count):
        key, kind = values.name(_KEY_BYTES_MAX), values.scalar(UINT32)
        if key in metadata:
            raise values.wrong(f"the key {key[:80]!r} twice")
        metadata[key] = value = values.value(kind)
        if key == ALIGNMENT_KEY:
            if kind != UINT32 or value.bit_count() != 1:
                raise values.wrong(f"an alignment of {value!r}, not a power of 2")
            alignment_bytes = value
    return metadata, alignment_bytes


def _tensors(values: Values, count: int, alignment_bytes: int) -> tuple[Tensor, ...]:
    """Each begins where the one before it ends, as llama.cpp demands."""
    found: dict[str, Tensor] = {}
    least, is_exact = 0, True  # not exact after a tensor of a type whose size is not known
    for _ in range(count):
        tensor, offset = _tensor(values)
        if tensor.name in found:
            raise values.wrong(f"the tensor {tensor.name!r} twice")
        if offset < least or offset % alignment_bytes or (is_exact and offset > least):
            raise values.wrong(f"the tensor {tensor.name!r} at offset {offset}, not {least}")
        found[tensor.name] = tensor
        size = tensor.size_bytes
        least, is_exact = offset + _padded(size or 1, alignment_bytes), size is not None
    return tuple(found.values())


def _tensor(values: Values) -> tuple[Tensor, int]:
    """A tensor and its offset."""
    name, dimensions = values.name(_NAME_BYTES_MAX), values.scalar(UINT32)
    if dimensions > _DIMENSIONS_MAX:
        raise values.wrong(f"the tensor {name!r} of {dimensions} dimensions")
    shape = tuple(values.scalar(UINT64) for _ in range(dimensions))
    if not 0 < math.prod(shape) <= _ELEMENTS_MAX:
        raise values.wrong(f"the tensor {name!r} of the shape {shape}")
    number, offset = values.scalar(UINT32), values.scalar(UINT64)
    kind = NUMBERS.get(number, f"type-{number}")
    row = shape[0] if shape else 1
    if kind in BLOCKS and row % BLOCKS[kind][0]:
        raise values.wrong(f"the tensor {name!r} of {kind} in rows of {row}")
    return Tensor(name, shape, kind, offset), offset


def _padded(count: int, alignment: int) -> int:
    return -(-count // alignment) * alignment
