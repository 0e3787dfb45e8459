"""A model of the catalogue written as a sparse file, for the engine to be asked about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from freehold.catalog.models import catalogue_header
from freehold.gguf.header import Header
from tests.engine.models import Put, write


@dataclass(frozen=True)
class Catalogued:
    """A model by a header that the catalogue made."""

    header: Header

    @property
    def arch(self) -> str:
        return self.header.architecture

    @property
    def vocabulary(self) -> int:
        return int(self.header.key("vocab_size"))

    @cached_property
    def _types(self) -> Mapping[str, str]:
        return {tensor.name: tensor.type for tensor in self.header.tensors}

    def type_of(self, name: str, shape: tuple[int, ...]) -> str:  # noqa: ARG002 - as Written's
        return self._types[name]

    def tensors(self) -> Iterator[Put]:
        return ((tensor.name, tensor.shape) for tensor in self.header.tensors)

    def keys(self) -> Mapping[str, Any]:
        start = f"{self.arch}."
        return {
            name.removeprefix(start): value
            for name, value in self.header.metadata.items()
            if name.startswith(start)
        }


def write_catalogued(name: str, quant: str, path: Path, shards: int = 1) -> Path:
    """Its first shard, of the full size to whoever asks, with a header as the catalogue says."""
    return write(Catalogued(catalogue_header(name, quant)), path, shards=shards, sparse=True)
