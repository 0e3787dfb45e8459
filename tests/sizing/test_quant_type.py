"""Tensor types told from bits a weight."""

from __future__ import annotations

import pytest

from freehold.gguf.tensor import BLOCKS
from freehold.sizing.quant_type import BITS, expert_type, type_of
from tests.sizing.speed_layouts import moe


@pytest.mark.parametrize(
    ("bits", "quant", "type_"),
    [
        (2.0625, "UD-IQ2_M", "IQ2_XXS"),
        (2.0625, "UD-Q2_K_XL", "IQ2_XXS"),
        (2.07, "UD-IQ2_M", "IQ2_XXS"),
        (3.4375, "UD-IQ3_S", "IQ3_S"),
        (3.4375, "Q3_K_M", "Q3_K"),
        (4.25, "UD-Q3_K_M", "IQ4_XS"),
        (4.25, "MXFP4_MOE", "MXFP4"),
        (4.5, "IQ4_NL", "IQ4_NL"),
        (4.5, "Q4_0", "Q4_0"),
        (4.5, "UD-Q4_K_XL", "Q4_K"),
        (16, "BF16", "BF16"),
        (16, "F16", "F16"),
    ],
)
def test_the_name_of_the_quant_decides_between_types_of_one_size(
    bits: float, quant: str, type_: str
) -> None:
    assert type_of(bits, quant) == type_


def test_every_type_is_found_by_its_own_size_and_name() -> None:
    for name, (elements, size) in BLOCKS.items():
        if name in BITS:
            assert type_of(8 * size / elements, name) == name


def test_the_experts_type_is_told_from_their_bytes() -> None:
    model = moe("IQ2_XXS")
    assert expert_type(model, model.blocks[0], "gate") == "IQ2_XXS"
