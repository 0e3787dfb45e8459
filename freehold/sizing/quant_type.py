"""Which tensor type a part of a model is kept as, told from its bits a weight."""

from __future__ import annotations

from functools import cache

from freehold.gguf.tensor import BLOCKS
from freehold.sizing.model import Block, ModelShape, Role

BITS = {
    name: 8 * BLOCKS[name][1] / BLOCKS[name][0]
    for name in (
        "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "Q2_K", "IQ3_XXS", "Q3_K", "IQ3_S",
        "IQ4_XS", "Q4_K", "IQ4_NL", "Q5_K", "Q6_K", "Q8_0", "BF16", "F16", "F32",
        "Q4_0", "Q4_1", "Q5_0", "Q5_1", "TQ1_0", "TQ2_0", "MXFP4",
    )
}  # fmt: skip
"""By name; of those that have the same, the one that is met more often comes first."""


@cache
def type_of(bits: float, quant: str) -> str:
    """The type whose bits a weight come nearest.

    Some have the same (Q3_K and IQ3_S, Q4_K and IQ4_NL): then the one that the quant's name
    speaks of, or that is of the family that it speaks of.
    """
    nearest = min(abs(each - bits) for each in BITS.values())
    same = [name for name, each in BITS.items() if abs(each - bits) <= nearest + 1e-9]
    named = [name for name in same if name in quant.upper()]
    family = [name for name in same if name.startswith("IQ")] if "IQ" in quant.upper() else []
    return (named or family or same)[0]


def expert_elements(model: ModelShape, what: str) -> int:
    """Weights of one block's routed experts' tensor, "gate" say; "gate_up" holds two."""
    d = model.dimensions
    return d.embedding * d.expert_ffn * d.experts * (2 if what == "gate_up" else 1)


def expert_type(model: ModelShape, block: Block, what: str) -> str:
    """The type of a routed experts' tensor."""
    elements = expert_elements(model, what)
    return type_of(8 * block.experts[what] / elements, model.quant) if elements else "Q8_0"


def always_type(model: ModelShape) -> str:
    """The type of what every token reads, told from shared experts or the dense FFN."""
    d = model.dimensions
    ways = (
        (Role.SHARED_EXPERTS, 3 * d.embedding * d.expert_ffn * d.experts_shared),
        (Role.DENSE_FFN, 3 * d.embedding * d.ffn),
    )
    for role, elements in ways:
        sizes = [b.bytes_by_role[role] for b in model.trunk if role in b.bytes_by_role]
        if sizes and elements:
            return type_of(8 * sum(sizes) / len(sizes) / elements, model.quant)
    return "Q8_0"
