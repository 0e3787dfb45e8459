"""From wishes to a layout: the fastest mode that fits, and whatever was left open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from freehold.sizing.ground import Placement
from freehold.sizing.hardware import Backend, Device, Hardware
from freehold.sizing.held import Run, pad
from freehold.sizing.layout import Answer, Layout, Mode
from freehold.sizing.model import ModelShape
from freehold.sizing.outcome import layout_of, refusal_of
from freehold.sizing.place import exceeds, place
from freehold.sizing.wishes import UBATCH_TOKENS, Wishes

CACHE_TYPES_BY_PREFERENCE = ("f16", "q8_0")
"""What is chosen from when it is left open: q4_0 costs quality, so a person must ask for it."""

CONTEXT_MIN_TOKENS = 4096
SLOTS_MAX = 256
UBATCH_TOKENS_BY_PREFERENCE = (4096, 2048, 1024)
_MORE_IN_RAM = 0.01  # of all experts: what larger micro-batches may cost


def lay_out(model: ModelShape, hardware: Hardware, wishes: Wishes) -> Answer:
    """Where everything goes, or why it does not fit.

    A context that is left open becomes the largest, and slots the most, with which the model
    still runs in the mode that it has without them: neither pushes a model off its devices.
    Where both are left open there is one slot.
    """
    if wishes.cache_type is not None:
        return _with_cache_type(model, hardware, wishes)
    first, *smaller = (
        replace(wishes, cache_type=cache_type) for cache_type in CACHE_TYPES_BY_PREFERENCE
    )
    best = _with_cache_type(model, hardware, first)
    for other in smaller:
        faster = [*Mode][: _rank(best)]
        answer = _with_cache_type(model, hardware, other, faster) if faster else best
        if _rank(answer) < _rank(best) and isinstance(answer, Layout):
            # A smaller cache type must earn its place by a faster mode.
            reason = f"KV cache as {answer.run.cache_type}: with {first.cache_type} less would fit"
            best = replace(answer, why=(*answer.why, reason))
    return best


def _rank(answer: Answer) -> int:
    return [*Mode].index(answer.mode) if isinstance(answer, Layout) else len(Mode)


def _with_cache_type(
    model: ModelShape, hardware: Hardware, wishes: Wishes, allowed: Sequence[Mode] = tuple(Mode)
) -> Answer:
    devices = usable_devices(hardware, wishes)
    run = run_of(model, wishes)
    modes = [mode for mode in _modes(model, devices) if mode in allowed] or [Mode.HOST]
    if len(modes) > 1 and modes[0] is Mode.DEVICES and exceeds(model, devices, run, wishes):
        del modes[0]
    placement = _fastest(model, hardware, devices, run, wishes, modes)
    if not placement.fits:
        return refusal_of(model, hardware, run, placement)
    why: list[str] = []
    if wishes.context_tokens is None:
        tokens = _largest(
            run.context_tokens // 256,
            model.context_max_tokens // 256,
            lambda n: _fits(
                model, hardware, devices, replace(run, context_tokens=256 * n), wishes,
                placement.mode,
            ),
        )  # fmt: skip
        run = replace(run, context_tokens=256 * tokens)
        why.append(f"the largest context with {placement.mode.value}: {256 * tokens:,} tokens")
    elif wishes.slots is None:
        slots = _largest(
            1,
            SLOTS_MAX,
            lambda n: _fits(
                model, hardware, devices, replace(run, slots=n), wishes, placement.mode
            ),
        )
        run = replace(run, slots=slots)
        why.append(f"the most slots with {placement.mode.value}: {slots}")
    devices = _fewest(model, hardware, devices, run, wishes, placement.mode)
    placement = place(model, hardware, devices, run, wishes, placement.mode)
    if wishes.ubatch_tokens is None:
        run, placement = _larger_batches(model, hardware, devices, run, wishes, placement)
        why.append(f"{run.ubatch_tokens:,} tokens are computed at a time: more cost it its place")
    return layout_of(model, hardware, devices, run, wishes, placement, why)


def _larger_batches(
    model: ModelShape, hardware: Hardware, devices: Sequence[Device], run: Run, wishes: Wishes,
    placement: Placement,
) -> tuple[Run, Placement]:  # fmt: skip
    """The largest micro-batch that pushes next to nothing into RAM: prompts are read faster, above
    all where experts are fetched from there once for each."""
    kept = _in_ram_bytes(model, placement)
    most = _MORE_IN_RAM * sum(block.expert_bytes for block in model.blocks)
    for tokens in UBATCH_TOKENS_BY_PREFERENCE:
        larger = replace(run, ubatch_tokens=min(tokens, run.batch_tokens))
        found = place(model, hardware, devices, larger, wishes, placement.mode)
        if found.fits and _in_ram_bytes(model, found) <= kept + most:
            return larger, found
    return run, placement


def _in_ram_bytes(model: ModelShape, placement: Placement) -> int:
    return sum(model.blocks[index].experts[what] for index, what in placement.in_ram)


def usable_devices(hardware: Hardware, wishes: Wishes) -> tuple[Device, ...]:
    """Those that the wishes allow, in the engine's order; of unified memory all but its reserve."""
    named = None if wishes.devices is None else {name.lower() for name in wishes.devices}
    devices = tuple(d for d in hardware.devices if named is None or d.name.lower() in named)
    if not hardware.is_unified:
        return devices
    most = hardware.ram_bytes - wishes.headroom_ram_bytes
    return tuple(replace(device, memory_bytes=most) for device in devices)


def run_of(model: ModelShape, wishes: Wishes) -> Run:
    """The least that the wishes ask for, where they leave something open."""
    least = min(CONTEXT_MIN_TOKENS, pad(model.context_max_tokens))
    return Run(
        context_tokens=wishes.context_tokens or least,
        slots=wishes.slots or 1,
        cache_type=wishes.cache_type or CACHE_TYPES_BY_PREFERENCE[0],
        ubatch_tokens=min(wishes.ubatch_tokens or UBATCH_TOKENS, wishes.batch_tokens),
        batch_tokens=wishes.batch_tokens,
        is_kv_unified=wishes.is_kv_unified,
        has_flash_attention=wishes.has_flash_attention,
        has_mtp=wishes.has_mtp,
    )


def _fastest(
    model: ModelShape, hardware: Hardware, devices: Sequence[Device], run: Run, wishes: Wishes,
    modes: Sequence[Mode],
) -> Placement:  # fmt: skip
    """The first mode that fits; if none does, the placement that misses least."""
    tried = []
    for mode in modes:
        placement = place(model, hardware, devices, run, wishes, mode)
        if placement.fits:
            return placement
        tried.append(placement)
    return max(tried, key=lambda p: sum(min(use.left_bytes, 0) for use in p.uses))


def _modes(model: ModelShape, devices: Sequence[Device]) -> list[Mode]:
    if not devices:
        return [Mode.HOST]
    return [mode for mode in Mode if mode is not Mode.EXPERTS_IN_RAM or model.is_moe]


def _fits(
    model: ModelShape, hardware: Hardware, devices: Sequence[Device], run: Run, wishes: Wishes,
    mode: Mode,
) -> bool:  # fmt: skip
    return place(model, hardware, devices, run, wishes, mode).fits


def _fewest(
    model: ModelShape, hardware: Hardware, devices: tuple[Device, ...], run: Run, wishes: Wishes,
    mode: Mode,
) -> tuple[Device, ...]:  # fmt: skip
    """One device where one carries all: each further one adds a hop and speeds nothing up."""
    if mode is not Mode.DEVICES or len(devices) < 2:
        return devices
    tried: set[tuple[int, Backend]] = set()
    for device in sorted(devices, key=lambda d: -(d.bandwidth_bytes_per_s or 0)):
        kind = (device.memory_bytes, device.backend)
        if kind not in tried and _fits(model, hardware, (device,), run, wishes, mode):
            return (device,)
        tried.add(kind)
    return devices


def _largest(known: int, most: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `most` that fits; `known` does, and more never fits less."""
    if most <= known:
        return known
    low, high = known, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low
