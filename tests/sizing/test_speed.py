"""The speed model on layouts whose times a person can work out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from freehold.sizing.calibration import Calibration, Constant
from freehold.sizing.hardware import Backend
from freehold.sizing.layout import Layout
from freehold.sizing.measurement import Measurement, Subject
from freehold.sizing.model import Role
from freehold.sizing.speed import Speed, predict_speed
from tests.sizing.speed_layouts import (
    BLOCKS,
    CALIBRATION,
    ELEMENTS,
    EXPERTS,
    GB,
    RATES,
    RUN,
    USED,
    backend,
    card,
    layout,
    machine,
    moe,
    sure,
)


def speed(laid: Layout, depth: int = 0, calibration: Calibration = CALIBRATION) -> Speed:
    return predict_speed(laid, calibration, depth_tokens=depth)


def routed_bytes(laid: Layout) -> float:
    """Of all blocks, that one token reads."""
    return sum(block.expert_bytes for block in laid.model.trunk) * USED / EXPERTS


def test_a_token_reads_the_used_experts_and_all_else_but_the_embeddings() -> None:
    laid = layout(moe(), machine(card()))
    read = BLOCKS * GB + GB + routed_bytes(laid)
    found = speed(laid)
    assert found.read_bytes == {"CUDA0": pytest.approx(read, rel=1e-6)}
    assert found.decode.expected == pytest.approx(1000 * GB / read)
    assert found.bound == "memory bandwidth (CUDA0, 100% of the time)"


def test_devices_work_one_after_the_other() -> None:
    one = speed(layout(moe(), machine(card()))).decode.expected
    two = layout(moe(), machine(card(0), card(1)))
    assert speed(two).decode.expected == pytest.approx(one)
    assert speed(two).bound.startswith("memory bandwidth (CUDA0 to CUDA1")
    slow_hops = replace(CALIBRATION, backends={Backend.CUDA: backend(hop_ms=sure(10.0))})
    seconds = 1 / one + 0.01
    assert speed(two, calibration=slow_hops).decode.expected == pytest.approx(1 / seconds)


def test_each_block_takes_time_of_its_own() -> None:
    laid = layout(moe(), machine(card()))
    slow = replace(CALIBRATION, backends={Backend.CUDA: backend(block_ms=sure(2.0))})
    seconds = 1 / speed(laid).decode.expected + BLOCKS * 0.002
    assert speed(laid, calibration=slow).decode.expected == pytest.approx(1 / seconds)


def test_experts_of_a_codebook_type_in_ram_are_bound_by_dequantisation() -> None:
    laid = layout(moe(), machine(card()), experts_in_ram=True)
    elements = 3 * BLOCKS * ELEMENTS * USED / EXPERTS
    on_cpu_s = elements / (RATES["IQ2_XXS"] * GB * 8)
    on_card_s = 5 * GB / (1000 * GB)
    assert speed(laid).decode.expected == pytest.approx(1 / (on_cpu_s + on_card_s))
    assert "CPU dequantisation (host" in speed(laid).bound


def test_fewer_bits_of_a_codebook_type_are_no_faster_in_ram() -> None:
    # As was reported of GLM-5.2: UD-IQ1_M and UD-IQ2_M both decoded 7.3 tokens/s.
    box = machine(card())
    smaller, larger = (layout(moe(t), box, experts_in_ram=True) for t in ("IQ1_M", "IQ2_XXS"))
    assert smaller.host.weights_bytes < larger.host.weights_bytes
    assert speed(smaller).decode.expected == pytest.approx(speed(larger).decode.expected)


def test_experts_of_a_plain_type_in_ram_are_bound_by_its_bandwidth() -> None:
    laid = layout(moe("Q4_K"), machine(card()), experts_in_ram=True)
    on_cpu_s = routed_bytes(laid) / (100 * GB)
    assert speed(laid).decode.expected == pytest.approx(1 / (on_cpu_s + 0.005))
    assert speed(laid).bound.startswith("RAM bandwidth (host")


def test_more_cores_help_until_no_more_are_useful() -> None:
    found = [
        speed(layout(moe(), machine(card(), cores=cores), experts_in_ram=True)).decode.expected
        for cores in (4, 8, 16, 64)
    ]
    assert found[0] < found[1] < found[2] == found[3]


def test_another_architecture_computes_at_its_own_rate() -> None:
    x86, arm = (layout(moe(), machine(arch=arch)) for arch in ("x86_64", "aarch64"))
    assert speed(arm).decode.expected < speed(x86).decode.expected


def test_ram_of_several_sockets_is_read_more_slowly() -> None:
    one, two = (layout(moe("Q4_K"), machine(numa_nodes=n)) for n in (1, 2))
    assert speed(two).decode.expected == pytest.approx(speed(one).decode.expected / 2)


def test_a_full_context_is_slower_than_an_empty_one() -> None:
    laid = layout(moe(), machine(card()))
    assert speed(laid, depth=8000).decode.expected < speed(laid, depth=0).decode.expected
    assert predict_speed(laid, CALIBRATION).depth_tokens == RUN.context_tokens // 2


def sparse(gathers_from: int | None) -> tuple[Layout, Calibration]:
    calibration = replace(
        CALIBRATION,
        backends={Backend.CUDA: replace(backend(), gathers_from_cells=gathers_from)},
    )
    return layout(moe(top_k=1024), machine(card())), calibration


def test_attention_that_gathers_its_selection_does_not_slow_down_with_the_context() -> None:
    laid, calibration = sparse(2048)
    near, far = (predict_speed(laid, calibration, depth_tokens=d) for d in (4096, 65536))
    assert near.decode.expected == pytest.approx(far.decode.expected)
    laid, calibration = sparse(None)
    near, far = (predict_speed(laid, calibration, depth_tokens=d) for d in (4096, 65536))
    assert near.decode.expected > far.decode.expected


def test_that_a_build_gathers_is_not_relied_on_by_the_slow_end() -> None:
    laid, calibration = sparse(2048)
    found = predict_speed(laid, calibration, depth_tokens=65536).decode
    assert found.low < found.expected == found.high


def test_a_processor_reads_the_selection_alone() -> None:
    laid = layout(moe(top_k=1024), machine())
    near, far = (speed(laid, depth=d).decode.expected for d in (2048, 8000))
    assert near == pytest.approx(far)


def test_more_slots_decode_more_in_all_and_less_each() -> None:
    one = layout(moe(), machine(card()))
    four = replace(one, run=replace(RUN, slots=4))
    assert speed(four).decode == speed(one).decode
    total = speed(four).decode_total.expected
    assert speed(one).decode.expected < total < 4 * speed(one).decode.expected
    assert speed(one).decode_total == speed(one).decode


def test_a_batch_takes_experts_in_ram_over_the_link() -> None:
    laid = layout(moe("Q4_K"), machine(card()), experts_in_ram=True)
    size = laid.host.weights_by_role[Role.ROUTED_EXPERTS]
    found = speed(laid)
    assert found.prompt_bound.startswith("link (CUDA0")
    # Nearly every expert is used by one of 512 tokens.
    assert found.prompt.expected == pytest.approx(512 / (size / (20 * GB)), rel=0.1)


def test_a_batch_of_blocks_on_the_cpu_takes_their_experts_to_the_first_device() -> None:
    laid = layout(moe("Q4_K"), machine(card(0), card(1)), experts_in_ram=True)
    first, second, host = laid.uses
    moved = replace(host, held=replace(host.held, blocks=second.held.blocks))
    bare = replace(second, held=replace(second.held, blocks=()))
    found = speed(replace(laid, uses=(first, bare, moved)))
    assert found.prompt.expected == pytest.approx(speed(laid).prompt.expected, rel=0.1)


def test_a_batch_without_a_device_is_computed_by_every_core() -> None:
    found = [speed(layout(moe(), machine(cores=cores))).prompt.expected for cores in (8, 64)]
    assert found[1] == pytest.approx(8 * found[0], rel=0.05)


def test_a_prompt_on_devices_is_bound_by_arithmetic() -> None:
    laid = layout(moe(), machine(card(tflops=10)))
    assert speed(laid).prompt_bound.startswith("arithmetic (CUDA0")
    faster = layout(moe(), machine(card(tflops=20)))
    assert speed(faster).prompt.expected == pytest.approx(2 * speed(laid).prompt.expected, rel=0.1)


def test_drafts_help_on_devices_and_less_with_experts_in_ram() -> None:
    drafting = replace(RUN, has_mtp=True)
    gains = []
    for in_ram in (False, True):
        plain = layout(moe(), machine(card()), experts_in_ram=in_ram)
        drafted = layout(moe(), machine(card()), experts_in_ram=in_ram, run=drafting)
        gains.append(speed(drafted).decode.expected / speed(plain).decode.expected)
    assert gains[0] > 1.3
    # Each draft that is checked asks for experts of its own.
    assert gains[1] < 1 < gains[0]


def test_drafts_are_asked_for_in_vain_where_the_model_has_no_mtp_layer() -> None:
    model = replace(moe(), blocks=moe().trunk)
    plain = layout(moe(), machine(card()))
    asked = replace(plain, model=model, run=replace(RUN, has_mtp=True))
    assert speed(asked).decode == speed(plain).decode


def test_what_the_hardware_does_not_say_is_assumed_and_named() -> None:
    unknown = card(bandwidth_bytes_per_s=None, tflops=None)
    box = machine(unknown, disk_read_bytes_per_s=None, guessed=("cores: 8",))
    found = speed(layout(moe(), box))
    assert found.assumed == (
        "cores: 8",
        "CUDA0 a card: bandwidth, arithmetic not known",
        "the disk's speed: not known",
    )
    assert found.decode.low < found.decode.expected < found.decode.high


def test_every_interval_holds_what_is_expected() -> None:
    wide = backend(read=Constant(0.5, 0.7, 0.9, ""), block_ms=Constant(3, 2, 1, ""))
    calibration = replace(CALIBRATION, backends={Backend.CUDA: wide})
    found = speed(layout(moe(), machine(card())), calibration=calibration)
    for interval in (found.decode, found.decode_total, found.prompt):
        assert interval.low < interval.expected < interval.high


MEASURED = Measurement(
    Subject("a box", "a build", "weights", "flags"), "2026-10-01T12:00:00+00:00",
    decode_tokens_per_s=10.0, prompt_tokens_per_s=200.0, prompt_tokens=512, decoded_tokens=128,
    depth_tokens=512, load_s=90.0,
)  # fmt: skip


def test_a_measurement_replaces_the_prediction() -> None:
    laid = layout(moe(), machine(card()))
    found = predict_speed(laid, CALIBRATION, MEASURED)
    assert found.decode == found.decode_total
    assert found.decode.low == found.decode.expected == found.decode.high == 10
    assert (found.prompt.expected, found.load_s.expected) == (200, 90)
    assert (found.measured_at, found.depth_tokens) == ("2026-10-01T12:00:00+00:00", 512)
    assert found.bound.startswith("memory bandwidth (CUDA0")


def test_all_slots_keep_their_ratio_to_a_measured_stream() -> None:
    laid = replace(layout(moe(), machine(card())), run=replace(RUN, slots=4))
    before, after = predict_speed(laid, CALIBRATION), predict_speed(laid, CALIBRATION, MEASURED)
    predicted = before.decode_total.expected / before.decode.expected
    assert after.decode_total.expected / after.decode.expected == pytest.approx(predicted)


def test_a_load_that_was_not_watched_stays_predicted() -> None:
    laid = layout(moe(), machine(card()))
    found = predict_speed(laid, CALIBRATION, replace(MEASURED, load_s=None))
    assert found.load_s == speed(laid).load_s
