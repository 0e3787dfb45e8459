"""Which type each tensor of a quant has, where no file says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# What llama-quantize leaves as it is: the router, and the indexer's weighing of its heads.
_EXACT = ("ffn_gate_inp.", "indexer.proj.")


@dataclass(frozen=True)
class Recipe:
    """`types` gives the type by what begins a tensor's name, "" for the rest; the longest holds.

    The routed experts' gate and up are of `gate_up`, their down of `down`, and in `raised_blocks`
    of `raised`.
    """

    types: Mapping[str, str]
    gate_up: str
    down: str
    raised: str = ""
    raised_blocks: frozenset[int] = frozenset()

    def type_of(self, block: int | None, stem: str, dimensions: int) -> str:
        """Of the tensor that is called `stem` within its block."""
        if dimensions == 1 or stem.startswith(_EXACT):
            return "F32"
        if stem.startswith("ffn_down_exps"):
            return self.raised if block in self.raised_blocks else self.down
        if "_exps." in stem:
            return self.gate_up
        return self.types[max((key for key in self.types if stem.startswith(key)), key=len)]
