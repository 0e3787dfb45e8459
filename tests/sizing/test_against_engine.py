"""The formulas against the pinned engine itself: the recorded cases, a few of them asked again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from freehold.sizing.compute import compute_buffer
from freehold.sizing.kv import indexer_kv_bytes, kv_bytes, output_buffer_bytes
from freehold.sizing.wishes import MIB
from tests.engine.parts import assemble_with_cards
from tests.sizing.engine_cases import Case, Said, read_cases, shape
from tests.sizing.record_cases import answers

PRINTED_BYTES = 0.011 * MIB  # the engine prints hundredths
DRAFTING = Case("glm-dsa", (6, 2), 8192, has_mtp=True, is_loaded=True)
CASES = [
    Case("llama", (2, 4), 8192, is_loaded=True),
    Case("qwen3moe", (2, 4), 8192, experts_in_ram=True, is_loaded=True),
    Case("deepseek2", (2, 4), 4096, slots=4, is_loaded=True),
    Case("glm-dsa", (), 8192, is_loaded=True),
    replace(DRAFTING, experts_in_ram=True, slots=2, cache="q8_0"),
    Case("glm-5.2", (42, 36), 32768, experts_in_ram=True),
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Not under pytest's own folders, which are root's alone: the engine is asked as nobody."""
    with tempfile.TemporaryDirectory(prefix="freehold-engine-", dir="/var/tmp") as room:
        Path(room).chmod(0o755)
        yield Path(room)


@pytest.fixture(scope="module")
def engine(folder: Path) -> Path:
    (folder / "engine").mkdir()
    return assemble_with_cards(folder / "engine")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_engine_takes_what_the_formulas_say(case: Case, engine: Path, folder: Path) -> None:
    ((_, said),) = answers(iter([case]), engine, folder)
    model = shape(case)
    helds = case.held(model)
    assert len(said) == len(helds)
    for number, (held, device) in enumerate(zip(helds, said, strict=True)):
        buffer = compute_buffer(model, case.run, held)
        assert buffer.low - PRINTED_BYTES <= device.compute <= buffer.high + PRINTED_BYTES
        if case.is_loaded:
            assert device.compute == pytest.approx(buffer.expected, abs=PRINTED_BYTES)
        is_host = number == len(helds) - 1
        exact = Said(
            kv_bytes(model, case.run, held.blocks),
            indexer_kv_bytes(model, case.run, held.blocks),
            output_buffer_bytes(model, case.run) if is_host else 0,
            device.compute,
        )
        assert vars(device) == pytest.approx(vars(exact), abs=2 * PRINTED_BYTES)


def test_what_is_recorded_covers_the_grid_that_is_promised() -> None:
    recorded = [case for case, _ in read_cases()]
    assert {case.cache for case in recorded} >= {"f16", "q8_0", "q4_0"}
    assert {case.slots for case in recorded} >= {1, 2, 4}
    assert {case.ubatch for case in recorded} >= {128, 512, 2048}
    assert {len(case.split) for case in recorded} >= {0, 1, 2, 4, 8}
    assert min(min(case.split) for case in recorded if case.split) == 1
    assert {case.experts_in_ram for case in recorded} == {True, False}
    assert max(case.context for case in recorded) == 1048576
