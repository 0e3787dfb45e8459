"""What one device reads and multiplies when tokens pass it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from freehold.sizing.layout import Use
from freehold.sizing.model import ModelShape, Role
from freehold.sizing.quant_type import BITS, always_type, expert_elements, expert_type

_NOT_READ = (Role.EMBEDDING, Role.ROUTED_EXPERTS, Role.MTP)  # of embeddings but a row a token


@dataclass(frozen=True)
class Part:
    """Weights of one type: `is_routed` where a token needs only its experts' share of them."""

    size_bytes: int
    elements: float
    type: str
    is_routed: bool = False
    block: int | None = None
    """Whose experts they are; None for what every token reads."""


def parts(model: ModelShape, use: Use, *, of_draft: bool = False) -> tuple[Part, ...]:
    """All weights that a pass reads there: of the trunk, or of the MTP layer with the output."""
    return (*_always(model, use, of_draft=of_draft), *_routed(model, use, of_draft=of_draft))


def _always(model: ModelShape, use: Use, *, of_draft: bool) -> Iterator[Part]:
    size = sum(
        size
        for role, size in use.weights_by_role.items()
        if (role in (Role.MTP, Role.OUTPUT) if of_draft else role not in _NOT_READ)
    )
    if size:
        type_ = always_type(model)
        yield Part(size, 8 * size / BITS[type_], type_)


def _routed(model: ModelShape, use: Use, *, of_draft: bool) -> Iterator[Part]:
    sizes: dict[tuple[int, str], tuple[int, int]] = {}
    for index, what in use.experts:
        block = model.blocks[index]
        if block.is_mtp == of_draft:
            key = index, expert_type(model, block, what)
            size, elements = sizes.get(key, (0, 0))
            size, elements = size + block.experts[what], elements + expert_elements(model, what)
            sizes[key] = size, elements
    for (index, type_), (size, elements) in sizes.items():
        yield Part(size, elements, type_, is_routed=True, block=index)


def routed_read(model: ModelShape, tokens: int) -> float:
    """The share of the routed experts' bytes that a step of so many tokens reads.

    As if each token chose its experts at random; real choices overlap more. Source: llama.cpp
    #15346, where 512 tokens of real text used 72 to 95 of 128 experts.
    """
    d = model.dimensions
    return 1 - (1 - d.experts_used / d.experts) ** tokens if d.experts else 1.0


def routed_share(model: ModelShape) -> float:
    """The share of the routed experts that one token's arithmetic uses."""
    d = model.dimensions
    return d.experts_used / d.experts if d.experts else 1.0


def attention_flops_per_cell(model: ModelShape) -> int:
    """Of one block, token and cell. MLA is computed on the latent row (llama.cpp's absorbed form).

    Source: the shapes of build_attn_mha in llama.cpp's src/llama-graph.cpp.
    """
    d = model.dimensions
    width = 2 * d.kv_lora + d.rope if model.is_mla else d.head_k + d.head_v
    return 2 * d.heads * width


def indexer_flops_per_cell(model: ModelShape) -> int:
    """Of one block with an indexer of its own, token and cell."""
    return 2 * model.dimensions.indexer_heads * model.dimensions.indexer_dim
