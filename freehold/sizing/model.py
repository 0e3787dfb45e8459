"""A model as sizing sees it: bytes by role and by block, and the dimensions that memory follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class Role(StrEnum):
    """What a tensor is for."""

    EMBEDDING = "embedding"
    ATTENTION = "attention"
    INDEXER = "indexer"
    DENSE_FFN = "dense FFN"
    ROUTER = "router"
    SHARED_EXPERTS = "shared experts"
    ROUTED_EXPERTS = "routed experts"
    MTP = "MTP layer"  # all of a NextN block
    OUTPUT = "output"
    OTHER = "other"


@dataclass(frozen=True)
class Block:
    """One `blk.N` of the model.

    `experts` holds the routed experts' tensors by what they are ("gate", "up", "down",
    "gate_up"): name and bytes of each can be placed on its own. K, V and indexer elements are
    counted for one cell of the KV cache.
    """

    index: int
    bytes_by_role: Mapping[Role, int]
    experts: Mapping[str, int]
    k_elements: int
    v_elements: int
    indexer_elements: int = 0
    is_mtp: bool = False
    always_bytes: int = 0
    """Of an MTP block: what the engine loads even where nothing is drafted."""
    window_tokens: int | None = None
    """Cells that a sliding-window layer keeps, or None for a layer that sees the whole context."""

    @property
    def size_bytes(self) -> int:
        return sum(self.bytes_by_role.values())

    @property
    def expert_bytes(self) -> int:
        return sum(self.experts.values())

    @property
    def has_indexer(self) -> bool:
        """Whether it has an indexer of its own ("full"), and is not one that shares another's."""
        return self.indexer_elements > 0


@dataclass(frozen=True)
class Dimensions:
    """Of the whole model, in elements; 0 for what its architecture does not have.

    `head_k` and `head_v` are one attention head's, of MLA after decompression (nope + rope); what
    MLA caches is `kv_lora` + `rope`.
    """

    embedding: int
    vocabulary: int
    heads: int
    kv_heads: int
    head_k: int
    head_v: int
    ffn: int = 0
    expert_ffn: int = 0
    experts: int = 0
    experts_used: int = 0
    experts_shared: int = 0
    q_lora: int = 0
    kv_lora: int = 0
    rope: int = 0
    indexer_heads: int = 0
    indexer_dim: int = 0
    top_k: int = 0


@dataclass(frozen=True)
class ModelShape:
    """Everything that a Layout is computed from. `blocks` holds the trunk, then the MTP blocks.

    `guessed` says in words which parts rest on a guess; empty where the header says all.
    """

    name: str
    quant: str
    architecture: str
    context_max_tokens: int
    dimensions: Dimensions
    blocks: tuple[Block, ...]
    embedding_bytes: int
    output_bytes: int
    """The output matrix and its norm; the matrix counts once more where it is the embedding's."""
    other_bytes: int = 0
    file_bytes: int = 0
    guessed: tuple[str, ...] = ()
    has_tied_output: bool = False

    @cached_property
    def trunk(self) -> tuple[Block, ...]:
        """The blocks that every token passes."""
        return tuple(block for block in self.blocks if not block.is_mtp)

    @cached_property
    def bytes_by_role(self) -> Mapping[Role, int]:
        """The sum over all blocks, with embeddings and output; only roles that have bytes."""
        total: dict[Role, int] = {
            Role.EMBEDDING: self.embedding_bytes,
            Role.OUTPUT: self.output_bytes,
            Role.OTHER: self.other_bytes,
        }
        for block in self.blocks:
            for role, size in block.bytes_by_role.items():
                total[role] = total.get(role, 0) + size
        return {role: size for role, size in total.items() if size}

    @property
    def is_mla(self) -> bool:
        """Whether the KV cache holds one latent row a cell, and no V."""
        return self.dimensions.kv_lora > 0 and all(block.v_elements == 0 for block in self.trunk)

    @property
    def is_sparse(self) -> bool:
        """Whether attention reads a bounded selection that an indexer makes (DSA)."""
        return self.dimensions.top_k > 0

    @property
    def is_moe(self) -> bool:
        return any(block.experts for block in self.blocks)


@dataclass(frozen=True)
class CacheType:
    """What KV cells are kept as, by the engine's name."""

    name: str
    bytes_per_block: int
    block_elements: int = 32

    def size_bytes(self, elements: int) -> int:
        """Of `elements` in a row. Source: ggml's type_traits."""
        return elements * self.bytes_per_block // self.block_elements


CACHE_TYPES: Mapping[str, CacheType] = {
    name: CacheType(name, size)
    for name, size in {
        "f16": 64, "bf16": 64, "q8_0": 34, "q5_1": 24, "q5_0": 22, "q4_1": 20, "q4_0": 18,
        "iq4_nl": 18,
    }.items()
}  # fmt: skip
