"""Layouts: whole, within their devices, and never worse for more memory or less context."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from freehold.catalog.models import catalogue_header
from freehold.sizing.choose import lay_out
from freehold.sizing.hardware import Device, Hardware
from freehold.sizing.layout import HOST, Answer, Layout, Mode, Refusal
from freehold.sizing.model import ModelShape, Role
from freehold.sizing.shape import shape_of
from freehold.sizing.wishes import GIB, LoadMode, Wishes
from tests.sizing.shapes import machines, models, wishes

ANY = settings(max_examples=60, deadline=None)


def glm(quant: str = "UD-IQ2_M") -> ModelShape:
    return shape_of(catalogue_header("glm-5.2", quant), "glm-5.2", quant)


def machine(cards: int, gib: int, ram_gib: int) -> Hardware:
    devices = tuple(Device(f"CUDA{n}", "a card", gib * GIB) for n in range(cards))
    return Hardware(f"{cards}x {gib} GiB", devices, ram_gib * GIB, cores=16)


def fitting(answer: Answer) -> Layout:
    assert isinstance(answer, Layout), answer
    return answer


@ANY
@given(models(), machines(), wishes())
def test_the_parts_sum_to_the_whole(model: ModelShape, on: Hardware, wish: Wishes) -> None:
    answer = lay_out(model, on, wish)
    placed: dict[Role, int] = {}
    for use in answer.uses:
        for role, size in use.weights_by_role.items():
            placed[role] = placed.get(role, 0) + size
    assert {role: size for role, size in placed.items() if size} == model.bytes_by_role


@ANY
@given(models(), machines(), wishes())
def test_no_device_of_a_layout_overflows_and_every_entry_has_one(
    model: ModelShape, on: Hardware, wish: Wishes
) -> None:
    answer = lay_out(model, on, wish)
    if isinstance(answer, Refusal):
        assert all(short.missing_bytes > 0 for short in answer.shortfalls)
        assert answer.shortfalls
        return
    assert all(use.left_bytes >= 0 for use in answer.uses)
    assert sum(answer.tensor_split) == answer.gpu_layers
    assert len(answer.tensor_split) == len(answer.devices)
    blocks = [index for use in (answer.host, *answer.devices) for index in use.held.blocks]
    assert blocks == [block.index for block in model.trunk]


@ANY
@given(models(), machines(), wishes(), st.data())
def test_more_memory_never_fits_less(
    model: ModelShape, on: Hardware, wish: Wishes, data: st.DataObject
) -> None:
    assume(isinstance(lay_out(model, on, wish), Layout))
    more = data.draw(st.integers(0, 8)) * GIB
    devices = tuple(
        replace(device, memory_bytes=device.memory_bytes + data.draw(st.integers(0, 8)) * GIB)
        for device in on.devices
    )
    larger = replace(on, devices=devices, ram_bytes=on.ram_bytes + more)
    assert isinstance(lay_out(model, larger, wish), Layout)


@ANY
@given(models(), machines(), wishes())
def test_a_larger_context_never_needs_less(model: ModelShape, on: Hardware, wish: Wishes) -> None:
    assert wish.context_tokens is not None
    small = lay_out(model, on, wish)
    large = lay_out(model, on, replace(wish, context_tokens=2 * wish.context_tokens))
    if isinstance(large, Layout):
        assert isinstance(small, Layout)
        assert [*Mode].index(small.mode) <= [*Mode].index(large.mode)
    kept = [sum(use.kv_bytes + use.indexer_kv_bytes for use in a.uses) for a in (small, large)]
    assert kept[1] > kept[0]


@ANY
@given(models(), machines(), wishes())
def test_an_override_matches_as_many_tensors_as_it_says(
    model: ModelShape, on: Hardware, wish: Wishes
) -> None:
    answer = lay_out(model, on, wish)
    assume(isinstance(answer, Layout))
    names = [
        f"blk.{block.index}.ffn_{what}_exps.weight"
        for block in model.blocks
        for what in block.experts
    ]
    in_ram = {
        f"blk.{index}.ffn_{what}_exps.weight"
        for index, what in answer.host.experts
        if index not in answer.host.held.blocks
    }
    matched = set()
    for override in fitting(answer).overrides:
        hits = {name for name in names if re.search(override.pattern, name)}
        assert len(hits) == override.matches
        matched |= hits
    assert matched == in_ram


def test_experts_that_find_no_room_lie_in_ram_and_the_card_is_full() -> None:
    layout = fitting(lay_out(glm(), machine(1, 24, 300), Wishes(32768)))
    assert layout.mode is Mode.EXPERTS_IN_RAM
    largest = max(max(block.experts.values()) for block in layout.model.trunk if block.experts)
    (card,) = layout.devices
    assert 0 <= card.left_bytes < largest
    assert card.held.blocks == tuple(range(78))


def test_every_card_of_several_is_filled_with_its_own_experts() -> None:
    layout = fitting(lay_out(glm(), machine(4, 24, 192), Wishes(32768)))
    largest = max(max(block.experts.values()) for block in layout.model.trunk if block.experts)
    assert [use.device for use in layout.devices] == ["CUDA0", "CUDA1", "CUDA2", "CUDA3"]
    assert all(use.left_bytes < largest for use in layout.devices)
    assert all({b for b, _ in use.experts} <= set(use.held.blocks) for use in layout.devices)


def test_a_model_that_the_cards_hold_leaves_none_idle() -> None:
    layout = fitting(lay_out(glm(), machine(8, 80, 2048), Wishes(32768)))
    assert layout.mode is Mode.DEVICES
    assert not layout.overrides
    weights = [use.weights_bytes for use in layout.devices]
    assert len(weights) == 8
    assert min(weights) > max(weights) / 3


def test_a_card_that_holds_all_is_used_alone() -> None:
    layout = fitting(lay_out(glm("UD-IQ1_S"), machine(2, 288, 300), Wishes(8192)))
    assert [use.device for use in layout.devices] == ["CUDA0"]
    assert any("one device" in reason for reason in layout.why)


def test_a_device_that_is_not_allowed_holds_nothing() -> None:
    layout = fitting(lay_out(glm(), machine(2, 80, 512), Wishes(8192, devices=("cuda1",))))
    assert [use.device for use in layout.devices] == ["CUDA1"]
    none = fitting(lay_out(glm(), machine(2, 80, 512), Wishes(8192, devices=())))
    assert none.mode is Mode.HOST


def test_a_context_that_is_left_open_is_the_largest_that_fits() -> None:
    on = machine(4, 24, 192)
    layout = fitting(lay_out(glm(), on, Wishes(None, 1, "f16")))
    tokens = layout.run.context_tokens
    assert 8192 < tokens < 1 << 20
    more = lay_out(glm(), on, Wishes(tokens + 256, 1, "f16"))
    assert isinstance(more, Refusal) or more.mode is not layout.mode


def test_slots_that_are_left_open_are_the_most_that_fit() -> None:
    on = machine(8, 80, 2048)
    layout = fitting(lay_out(glm("UD-Q4_K_XL"), on, Wishes(131072, None, "f16")))
    slots = layout.run.slots
    assert 1 < slots < 256
    more = lay_out(glm("UD-Q4_K_XL"), on, Wishes(131072, slots + 1, "f16"))
    assert isinstance(more, Refusal) or more.mode is not layout.mode


def test_a_smaller_cache_is_chosen_only_where_it_earns_a_faster_mode() -> None:
    roomy = fitting(lay_out(glm(), machine(8, 80, 2048), Wishes(131072)))
    assert roomy.run.cache_type == "f16"
    tight = next(
        layout
        for gib in range(30, 48)
        if isinstance(layout := lay_out(glm(), machine(8, gib, 512), Wishes(262144)), Layout)
        and layout.run.cache_type != "f16"
    )
    assert tight.mode is Mode.DEVICES
    assert any("q8_0" in reason for reason in tight.why)


def test_what_does_not_fit_is_named_with_the_arithmetic() -> None:
    answer = lay_out(glm("Q8_0"), machine(1, 24, 128), Wishes(8192))
    assert isinstance(answer, Refusal)
    host = next(short for short in answer.shortfalls if short.device == HOST)
    assert host.missing_bytes == host.needed_bytes - host.usable_bytes > 590 * GIB
    assert "weights" in host.what


def test_a_mac_wires_more_than_its_default_where_the_model_needs_it() -> None:
    device = Device("MTL0", "M3 Ultra", 384 * GIB)
    mac = Hardware("mac", (device,), 512 * GIB, cores=24, is_unified=True)
    small = fitting(lay_out(glm(), mac, Wishes(8192)))
    assert small.wired_limit_bytes is None
    large = fitting(lay_out(glm("UD-Q4_K_XL"), mac, Wishes(8192)))
    assert large.wired_limit_bytes is not None
    assert 384 * GIB < large.wired_limit_bytes < 508 * GIB
    assert large.host.left_bytes >= 0


def test_weights_in_ram_alone_are_locked_where_they_leave_room() -> None:
    assert fitting(lay_out(glm(), machine(0, 0, 512), Wishes(8192))).load_mode is LoadMode.LOCKED
    assert fitting(lay_out(glm(), machine(0, 0, 244), Wishes(8192))).load_mode is LoadMode.MAPPED
    assert fitting(lay_out(glm(), machine(1, 24, 512), Wishes(8192))).load_mode is LoadMode.MAPPED


def test_batches_that_are_left_open_are_the_largest_that_cost_the_model_no_place() -> None:
    roomy = fitting(lay_out(glm(), machine(8, 80, 2048), Wishes(8192, ubatch_tokens=None)))
    assert roomy.run.ubatch_tokens == 2048  # no more than a batch
    assert roomy.mode is Mode.DEVICES
    on, open_wish = machine(2, 80, 512), Wishes(32768, 1, "f16", 4096, None)
    asked = fitting(lay_out(glm(), on, open_wish))
    plain = fitting(lay_out(glm(), on, replace(open_wish, ubatch_tokens=512)))
    assert asked.run.ubatch_tokens > 512

    def in_ram(layout: Layout) -> int:
        return layout.host.weights_by_role[Role.ROUTED_EXPERTS]

    experts = sum(block.expert_bytes for block in plain.model.trunk)
    assert in_ram(asked) - in_ram(plain) <= 0.0101 * experts
    larger = replace(open_wish, ubatch_tokens=2 * asked.run.ubatch_tokens, batch_tokens=1 << 14)
    if asked.run.ubatch_tokens < 4096:
        more = fitting(lay_out(glm(), on, larger))
        assert in_ram(more) - in_ram(plain) > 0.0099 * experts
