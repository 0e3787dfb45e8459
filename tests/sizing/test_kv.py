"""The KV cache and the output buffer against what the engine said of them, recorded."""

from __future__ import annotations

import dataclasses

import pytest

from freehold.sizing.held import Run
from freehold.sizing.kv import indexer_kv_bytes, kv_bytes, output_buffer_bytes
from freehold.sizing.model import Block, ModelShape
from freehold.sizing.wishes import MIB
from tests.sizing.engine_cases import Case, Said, read_cases, shape

PRINTED_BYTES = 0.011 * MIB  # the engine prints hundredths, of each of its two caches
RECORDED = read_cases()


@pytest.mark.parametrize(("case", "said"), RECORDED, ids=[str(case) for case, _ in RECORDED])
def test_the_cache_of_each_device_is_known_exactly(case: Case, said: tuple[Said, ...]) -> None:
    model = shape(case)
    for held, device in zip(case.held(model), said, strict=True):
        assert kv_bytes(model, case.run, held.blocks) == pytest.approx(
            device.kv, abs=2 * PRINTED_BYTES
        )
        assert indexer_kv_bytes(model, case.run, held.blocks) == pytest.approx(
            device.indexer_kv, abs=PRINTED_BYTES
        )


@pytest.mark.parametrize(("case", "said"), RECORDED, ids=[str(case) for case, _ in RECORDED])
def test_the_output_buffer_lies_on_the_host(case: Case, said: tuple[Said, ...]) -> None:
    assert [device.output for device in said[:-1]] == [0] * (len(said) - 1)
    found = output_buffer_bytes(shape(case), case.run)
    assert found == pytest.approx(said[-1].output, abs=2 * PRINTED_BYTES)


def windowed(window_tokens: int) -> ModelShape:
    model = shape(Case("llama", (), 8192))
    block = dataclasses.replace(model.blocks[0], window_tokens=window_tokens)
    return dataclasses.replace(model, blocks=(block,))


def row_bytes(block: Block) -> int:
    return 2 * (block.k_elements + block.v_elements)


def test_a_window_keeps_its_cells_and_a_micro_batch() -> None:
    model = windowed(1024)
    run = Run(65536, 1, "f16", 512, 2048, False, True, False)
    assert kv_bytes(model, run, [0]) == (1024 + 512) * row_bytes(model.blocks[0])


def test_a_window_is_kept_for_each_slot() -> None:
    model = windowed(1024)
    apart = Run(65536, 4, "f16", 512, 2048, False, True, False)
    unified = dataclasses.replace(apart, is_kv_unified=True)
    row = row_bytes(model.blocks[0])
    assert kv_bytes(model, apart, [0]) == 4 * (1024 + 512) * row
    assert kv_bytes(model, unified, [0]) == (4 * 1024 + 512) * row


def test_a_window_larger_than_the_context_keeps_the_context() -> None:
    model = windowed(100_000)
    run = Run(8192, 1, "f16", 512, 2048, False, True, False)
    assert kv_bytes(model, run, [0]) == 8192 * row_bytes(model.blocks[0])


def test_what_is_drafted_is_cached_only_where_it_drafts_and_always_as_f16() -> None:
    model = shape(Case("glm-5.2", (), 8192))
    (drafting,) = (block for block in model.blocks if block.is_mtp)
    run = Run(8192, 1, "q4_0", 512, 2048, False, True, False)
    assert kv_bytes(model, run, [drafting.index]) == 0
    drafts = dataclasses.replace(run, has_mtp=True)
    assert kv_bytes(model, drafts, [drafting.index]) == 8192 * row_bytes(drafting)
