"""The header of a GGUF file: is it one, is it whole, what does it say of itself.

Format: ggml/docs/gguf.md of llama.cpp, versions 2 and 3. Only the header's bytes are read.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from freehold.errors import FreeholdError

MAGIC = b"GGUF"
_ALIGNMENT = 32
_HEADER_BYTES_MAX = 64 << 20  # the longest known, with their vocabularies, take a quarter of it
_COUNT_MAX = 1 << 21  # of pairs, tensors or strings; a vocabulary has up to 2^19 with its merges
_DIMENSIONS_MAX = 4  # GGML_MAX_DIMS

# struct format of each scalar value type, by its number in the file
_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?",
    10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9

# (elements in a block, bytes of a block) by tensor type, from ggml's type_traits.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


class GgufError(FreeholdError):
    """A file that is not GGUF, or not all of it."""


@dataclass(frozen=True)
class GgufHeader:
    """`metadata` holds the scalar values and strings; of an array only its length is kept.

    `size_bytes` is the least that the file must have for all of its tensors, or None where it
    holds a tensor type that is not known here.
    """

    version: int
    metadata: Mapping[str, Any]
    tensor_count: int
    size_bytes: int | None

    @property
    def architecture(self) -> str:
        """llama.cpp's name for it, such as "glm-dsa"; "" where the file does not say."""
        return str(self.metadata.get("general.architecture", ""))


def read_header(path: Path) -> GgufHeader:
    """The header of one file (one shard). Raises GgufError where it is none, or ends early."""
    try:
        with path.open("rb") as file:
            return _Reader(file, path).header()
    except OSError as error:
        raise GgufError.of(str(path), f"expected a GGUF file, got: {error.strerror}") from None


def require_whole(path: Path) -> GgufHeader:
    """The header of a file that has all of its bytes. Raises GgufError where it is cut short."""
    header = read_header(path)
    found = path.stat().st_size
    if header.size_bytes is not None and found < header.size_bytes:
        raise GgufError.of(
            str(path),
            f"the file is cut short: expected at least {header.size_bytes} bytes "
            f"for its {header.tensor_count} tensors, found {found}",
            "fetch it again",
        )
    return header


class _Reader:
    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path
        self._size = os.fstat(file.fileno()).st_size

    def header(self) -> GgufHeader:
        magic = self._file.read(4)
        if magic != MAGIC:
            raise GgufError.of(
                str(self._path), f"expected a GGUF file, found one that begins {magic!r}"
            )
        version = self._scalar(4)
        if version not in (2, 3):
            raise GgufError.of(str(self._path), f"expected GGUF version 2 or 3, found {version}")
        tensor_count, pair_count = self._count(), self._count()
        metadata = {}
        for _ in range(pair_count):
            key = self._string()
            metadata[key] = self._value(self._scalar(4))
        ends = [self._tensor_end() for _ in range(tensor_count)]
        alignment = metadata.get("general.alignment", _ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise self._wrong(f"an alignment of {alignment!r}")
        start = -(-self._file.tell() // alignment) * alignment
        known = [end for end in ends if end is not None]
        size = start + max(known, default=0) if len(known) == len(ends) else None
        return GgufHeader(version, metadata, tensor_count, size)

    def _tensor_end(self) -> int | None:
        """Where the tensor's data end, in bytes from the first tensor's."""
        self._string()
        dimensions = self._scalar(4)
        if dimensions > _DIMENSIONS_MAX:
            raise self._wrong(f"a tensor of {dimensions} dimensions")
        elements = math.prod(self._scalar(10) for _ in range(dimensions))
        kind, offset = self._scalar(4), self._scalar(10)
        if kind not in _BLOCKS:
            return None
        block_elements, block_bytes = _BLOCKS[kind]
        return int(offset + elements // block_elements * block_bytes)

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._scalar(kind)
        inner = self._scalar(4)
        if inner in _SCALARS:
            length = self._scalar(10)
            self._bytes(struct.calcsize(_SCALARS[inner]) * length)
            return length
        if inner != _STRING:
            raise self._wrong(f"an array of the value type {inner}")
        length = self._count()
        for _ in range(length):
            self._string()
        return length

    def _count(self) -> int:
        count = int(self._scalar(10))
        if count > _COUNT_MAX:
            raise self._wrong(f"a header that counts to {count}")
        return count

    def _scalar(self, kind: int) -> Any:
        form = _SCALARS.get(kind)
        if form is None:
            raise self._wrong(f"the value type {kind}")
        return struct.unpack(form, self._bytes(struct.calcsize(form)))[0]

    def _string(self) -> str:
        return self._bytes(self._scalar(10)).decode("utf-8", "replace")

    def _bytes(self, count: int) -> bytes:
        # Before anything is read: a length that is not one would ask for gigabytes.
        end = self._file.tell() + count
        if end > self._size:
            raise self._wrong(f"{self._size} bytes, which its header exceeds: it is cut short")
        if end > _HEADER_BYTES_MAX:
            raise self._wrong(f"a header of more than {_HEADER_BYTES_MAX} bytes")
        return self._file.read(count)

    def _wrong(self, found: str) -> GgufError:
        message = f"expected a whole GGUF file, found {found}"
        return GgufError.of(str(self._path), message, "fetch it again")
