"""What a model's GGUF header says: its metadata, and its tensors over all shards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from freehold.gguf.tensor import Tensor


@dataclass(frozen=True)
class Shard:
    """The header of one file.

    `metadata` holds scalars, strings and short arrays of numbers (as tuples); of every other
    array only its length is kept. `raw` is the header as it lies in the file, up to where the
    tensor data begin; `size_bytes` is the file's whole size, or where its last tensor ends where
    the size is not known.
    """

    place: str
    metadata: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    raw: bytes = field(repr=False)
    size_bytes: int


@dataclass(frozen=True)
class Header:
    """A whole model: the metadata of its first shard, the tensors of all, in file order.

    `shards` is empty where the catalogue described the model: then there is no file yet.
    """

    place: str
    metadata: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    shards: tuple[Shard, ...] = ()

    @property
    def architecture(self) -> str:
        """llama.cpp's name for it, such as "glm-dsa"; "" where the file does not say."""
        return str(self.metadata.get("general.architecture", ""))

    def key(self, name: str, default: Any = None) -> Any:
        """The value of the architecture's own key: `attention.key_length`, say."""
        return self.metadata.get(f"{self.architecture}.{name}", default)
