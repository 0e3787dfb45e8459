"""One tensor as a GGUF header names it, and how many bytes its type takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

# (elements in a block, bytes of a block) by ggml's name of the type, in the order of their numbers
# in a file; from ggml's type_traits and ggml-common.h. Numbers that are missing were withdrawn.
BLOCKS = {
    "F32": (1, 4), "F16": (1, 2), "Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22),
    "Q5_1": (32, 24), "Q8_0": (32, 34), "Q8_1": (32, 36), "Q2_K": (256, 84), "Q3_K": (256, 110),
    "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210), "Q8_K": (256, 292),
    "IQ2_XXS": (256, 66), "IQ2_XS": (256, 74), "IQ3_XXS": (256, 98), "IQ1_S": (256, 50),
    "IQ4_NL": (32, 18), "IQ3_S": (256, 110), "IQ2_S": (256, 82), "IQ4_XS": (256, 136),
    "I8": (1, 1), "I16": (1, 2), "I32": (1, 4), "I64": (1, 8), "F64": (1, 8), "IQ1_M": (256, 56),
    "BF16": (1, 2), "TQ1_0": (256, 54), "TQ2_0": (256, 66), "MXFP4": (32, 17), "NVFP4": (64, 36),
    "Q1_0": (128, 18), "Q2_0": (64, 18),
}  # fmt: skip
NUMBERS = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1",
    10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS",
    17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S",
    23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: "BF16",
    34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0", 42: "Q2_0",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """`shape` in ggml's order, the contiguous dimension first; `type` is a key of BLOCKS.

    A type that is not known here is called "type-N", and its size is None.
    `offset` counts from where its own file's tensor data begin; None where there is no file yet.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int | None = None

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int | None:
        """Its bytes without padding; None for a type that is not known here."""
        if self.type not in BLOCKS:
            return None
        block_elements, block_bytes = BLOCKS[self.type]
        return self.elements // block_elements * block_bytes
