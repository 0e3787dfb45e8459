"""Compute buffers against what the engine said of them, recorded; see record_cases.py."""

from __future__ import annotations

import itertools

import pytest

from freehold.sizing.compute import compute_buffer
from freehold.sizing.hardware import Backend
from freehold.sizing.held import Held, Run
from freehold.sizing.wishes import MIB
from tests.sizing.engine_cases import Case, Said, read_cases, shape

PRINTED_BYTES = 0.011 * MIB  # the engine prints hundredths
RUN = Run(32768, 1, "f16", 512, 2048, False, True, False)
GLM = shape(Case("glm-5.2", (), 32768))

RECORDED = read_cases()
LOADED = [(case, said) for case, said in RECORDED if case.is_loaded]
DRY = [(case, said) for case, said in RECORDED if not case.is_loaded]


def ids(cases: list[tuple[Case, tuple[Said, ...]]]) -> list[str]:
    return [str(case) for case, _ in cases]


@pytest.mark.parametrize(("case", "said"), LOADED, ids=ids(LOADED))
def test_what_a_load_allocates_is_known_to_what_the_engine_prints(
    case: Case, said: tuple[Said, ...]
) -> None:
    model = shape(case)
    expected = [compute_buffer(model, case.run, held).expected for held in case.held(model)]
    assert expected == pytest.approx([device.compute for device in said], abs=PRINTED_BYTES)


@pytest.mark.parametrize(("case", "said"), DRY, ids=ids(DRY))
def test_what_the_dry_run_says_is_an_end_of_the_interval(
    case: Case, said: tuple[Said, ...]
) -> None:
    model = shape(case)
    for held, device in zip(case.held(model), said, strict=True):
        interval = compute_buffer(model, case.run, held)
        ends = (interval.low, interval.high)
        assert min(abs(end - device.compute) for end in ends) < PRINTED_BYTES, interval


@pytest.mark.parametrize(("case", "said"), DRY, ids=ids(DRY))
def test_the_first_device_and_the_host_are_as_the_dry_run_says(
    case: Case, said: tuple[Said, ...]
) -> None:
    model = shape(case)
    held = case.held(model)
    for index in {0, len(held) - 1}:
        interval = compute_buffer(model, case.run, held[index])
        assert interval.low == interval.expected == interval.high
        assert interval.expected == pytest.approx(said[index].compute, abs=PRINTED_BYTES)


def test_a_larger_context_never_needs_less() -> None:
    held = Held(tuple(range(42, 78)), has_output=True)
    sizes = [
        compute_buffer(GLM, Run(tokens, 1, "f16", 512, 2048, False, True, False), held).high
        for tokens in range(4096, 300_000, 4096)
    ]
    falls = [(before, after) for before, after in itertools.pairwise(sizes)]
    # Best fit is not monotonic: a hole may fit a little better. It is by less than 3%.
    assert all(after > 0.97 * before for before, after in falls)
    assert sizes[-1] > 4 * sizes[0]


def test_a_pipelined_device_keeps_four_copies_of_what_comes_in() -> None:
    alone = Held(tuple(range(42, 78)), has_output=True)
    pipelined = Held(alone.blocks, has_output=True, is_pipelined=True)
    grown = compute_buffer(GLM, RUN, pipelined).expected - compute_buffer(GLM, RUN, alone).expected
    masks = 2 * 2 * 512 * 32768
    stream = 4 * 512 * 6144
    assert 3 * masks < grown < 4 * (masks + stream)


def test_a_device_that_copies_experts_for_prompts_has_room_for_one_matrix() -> None:
    blocks = tuple(range(42))
    away = tuple(range(3, 42))
    left = Held(blocks, away)
    fetched = Held(blocks, away, computes_experts_of=away)
    grown = compute_buffer(GLM, RUN, fetched).expected - compute_buffer(GLM, RUN, left).expected
    largest = max(GLM.blocks[3].experts.values())
    assert 0 < grown <= largest + 256 * MIB


def test_one_that_copies_experts_for_another_device_has_room_for_one_matrix_too() -> None:
    blocks = tuple(range(42))
    alone = Held(blocks)
    for_others = Held(blocks, computes_experts_of=tuple(range(60, 78)))
    largest = max(GLM.blocks[60].experts.values())
    grown = compute_buffer(GLM, RUN, for_others).expected - compute_buffer(GLM, RUN, alone).expected
    assert 0 < grown <= largest


def test_where_the_last_device_begins_decides_whether_the_host_keeps_its_inputs() -> None:
    experts = tuple(range(3, 78))
    one_device = Held((), (), experts, is_host=True, last_device_from=0)
    two_devices = Held((), (), experts, is_host=True, last_device_from=42)
    not_known = Held((), (), experts, is_host=True)
    sizes = [compute_buffer(GLM, RUN, h).expected for h in (one_device, two_devices, not_known)]
    assert sizes[0] < sizes[1] == sizes[2]


def test_cuda_has_room_for_a_quantised_cache_in_half_precision() -> None:
    held = Held(tuple(range(42, 78)), has_output=True)
    quantised = Run(131072, 2, "q8_0", 512, 2048, False, True, False)
    plain = Run(131072, 2, "f16", 512, 2048, False, True, False)
    widened_bytes = 2 * 131072 * 2 * (512 + 64)
    there = compute_buffer(GLM, quantised, held).expected
    assert there < compute_buffer(GLM, quantised, held, Backend.CUDA).expected
    assert compute_buffer(GLM, quantised, held, Backend.CUDA).expected <= there + widened_bytes
    on_cuda, stand_in = (compute_buffer(GLM, plain, held, b) for b in (Backend.CUDA, Backend.RPC))
    assert on_cuda.expected == stand_in.expected


def test_a_backend_that_rearranges_the_graph_widens_the_interval() -> None:
    held = Held(tuple(range(42)))
    exact = compute_buffer(GLM, RUN, held, Backend.RPC)
    assert exact.low == exact.expected == exact.high
    vulkan = compute_buffer(GLM, RUN, held, Backend.VULKAN)
    assert vulkan.low < exact.expected == vulkan.expected < vulkan.high
