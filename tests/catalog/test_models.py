"""What the catalogue says of models, against what is published of them."""

from __future__ import annotations

import time

import pytest

from freehold.catalog.compare import differences
from freehold.catalog.models import (
    _header,
    catalogue_header,
    known_model,
    known_models,
    quants,
)
from freehold.errors import FreeholdError
from freehold.sizing.model import ModelShape, Role
from freehold.sizing.roles import part_of
from freehold.sizing.shape import shape_of
from tests.engine import known
from tests.sizing.headers import header_of

EACH_QUANT = [(model, quant) for model in known_models() for quant in quants(model)]


def shape(quant: str) -> ModelShape:
    return shape_of(catalogue_header("glm-5.2", quant), "glm-5.2", quant)


@pytest.mark.parametrize(("model", "quant"), EACH_QUANT)
def test_a_quant_is_as_large_as_published(model: str, quant: str) -> None:
    published = known_model(model)[0].quant(quant).size_bytes
    assert shape(quant).file_bytes == pytest.approx(published, rel=0.0025)


def test_the_quants_without_a_mix_are_exactly_as_large_as_published() -> None:
    sizes = {quant: round(shape(quant).file_bytes / 1e9, 1) for quant in ("BF16", "Q8_0")}
    assert sizes == {"BF16": 1508.0, "Q8_0": 801.4}


def elements(quant: str) -> dict[Role, int]:
    """By role, each indexer counted once, where several blocks share it."""
    header = catalogue_header("glm-5.2", quant)
    blocks = {block.index: block for block in shape(quant).blocks}
    found: dict[Role, int] = {}
    for tensor in header.tensors:
        part = part_of(tensor.name)
        block = None if part.block is None else blocks[part.block]
        role = Role.MTP if block and block.is_mtp else part.role
        if block is None or role is not Role.INDEXER or block.has_indexer:
            found[role] = found.get(role, 0) + tensor.elements
    return found


def test_parameters_are_as_many_as_published() -> None:
    stated = known_model("glm-5.2")[0].parameters
    found = elements("BF16")
    total = sum(found.values())
    idle = {Role.EMBEDDING, Role.ROUTER, Role.INDEXER, Role.ROUTED_EXPERTS, Role.MTP}
    active = sum(n for role, n in found.items() if role not in idle)
    assert total - found[Role.MTP] == pytest.approx(stated["total"], rel=1e-4)
    assert total == pytest.approx(stated["with_mtp"], rel=1e-4)
    assert active + found[Role.ROUTED_EXPERTS] * 8 / 256 == pytest.approx(
        stated["active"], rel=1e-3
    )


def test_a_cell_of_the_cache_is_as_large_as_computed() -> None:
    trunk = shape("UD-IQ2_M").trunk
    held = sum(block.k_elements + block.v_elements + block.indexer_elements for block in trunk)
    assert held * 2 == 95232  # f16


def test_a_token_reads_what_was_computed_of_ud_iq2_m() -> None:
    model = shape("UD-IQ2_M")
    roles = model.bytes_by_role
    assert roles[Role.ROUTED_EXPERTS] * 8 / 256 == pytest.approx(6.9e9, rel=0.02)
    assert roles[Role.ROUTED_EXPERTS] / 75 == pytest.approx(2.95e9, rel=0.02)
    shared = sum(b.bytes_by_role[Role.INDEXER] for b in model.trunk if not b.has_indexer)
    touched = {Role.EMBEDDING, Role.ROUTED_EXPERTS, Role.MTP}
    always = sum(size for role, size in roles.items() if role not in touched) - shared
    assert always == pytest.approx(14.2e9, rel=0.01)


def test_how_a_quant_divides_its_bytes_is_called_a_guess() -> None:
    (guess,) = shape("UD-IQ2_M").guessed
    assert guess == (
        "how UD-IQ2_M divides its bytes between roles is estimated until a header is read"
    )


def test_quants_are_ordered_from_the_largest() -> None:
    names = quants("GLM-5.2")
    assert (names[0], names[-1], len(names)) == ("BF16", "UD-IQ1_S", 22)
    sizes = [shape(name).file_bytes for name in names]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    "written",
    ["glm-5.2:UD-IQ2_M", "GLM-5.2 ud-iq2_m", "glm5.2/iq2-m", "GLM-5.2-UD-IQ2_M"],
)
def test_a_model_is_found_however_its_name_is_written(written: str) -> None:
    model, quant = known_model(written)
    assert quant is not None
    assert (model.name, quant.name) == ("glm-5.2", "UD-IQ2_M")


def test_a_quant_may_be_left_open() -> None:
    assert known_model("glm-5.2")[1] is None


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "gml-5.2",
            'stack.yaml: expected a model of the catalogue, got "gml-5.2"\n'
            "Hint: did you mean glm-5.2?",
        ),
        (
            "glm-5.2:UD-IQ2_L",
            'stack.yaml: expected a quant of glm-5.2, got "UD-IQ2_L"\nHint: did you mean UD-IQ2_M?',
        ),
        (
            "llama",
            'stack.yaml: expected a model of the catalogue, got "llama"\nHint: known are glm-5.2',
        ),
    ],
)
def test_a_name_that_is_not_known_is_answered_with_the_nearest(written: str, message: str) -> None:
    with pytest.raises(FreeholdError) as error:
        known_model(written, "stack.yaml")
    assert str(error.value) == message


def test_a_preset_of_thinking_says_what_the_template_is_told() -> None:
    thinking = known_model("glm-5.2")[0].thinking
    assert {name: preset["template_kwargs"] for name, preset in thinking["presets"].items()} == {
        "off": {"enable_thinking": False},
        "high": {"reasoning_effort": "high"},
        "max": {"reasoning_effort": "max"},
    }
    assert thinking["default"] in thinking["presets"]


def test_a_header_that_agrees_with_the_catalogue_is_no_difference() -> None:
    assert differences(shape("UD-Q4_K_M"), shape("UD-Q4_K_M")) == []


def test_a_header_that_says_otherwise_is_told_with_both_numbers() -> None:
    real = shape_of(header_of(known.GLM_5_2_QUANTS["Q4_K"], context_length=202752), "", "Q4_K_M")
    lines = differences(shape("UD-Q4_K_M"), real)
    assert "context: 202752 tokens, not 1048576 tokens" in lines
    assert "indexer: 0.21 GB, not 0.82 GB" in lines
    assert not any(line.startswith(("routed experts", "attention", "quant")) for line in lines)


def test_a_catalogues_model_is_sized_in_milliseconds() -> None:
    def once() -> float:
        begin = time.perf_counter()
        shape_of(_header.__wrapped__("glm-5.2", "UD-IQ2_M"))
        return time.perf_counter() - begin

    assert min(once() for _ in range(5)) < 0.03
