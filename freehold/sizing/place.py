"""Where each part of a model goes in one mode, whether it fits or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from freehold.sizing.compute import device_overhead_bytes
from freehold.sizing.ground import Experts, Ground, Placement, expert_bytes_of
from freehold.sizing.hardware import Device, Hardware
from freehold.sizing.held import Run
from freehold.sizing.layout import Mode
from freehold.sizing.model import ModelShape
from freehold.sizing.parts import Entry, entries
from freehold.sizing.split import split
from freehold.sizing.wishes import Wishes

_ATTEMPTS = 4


def place(
    model: ModelShape, hardware: Hardware, devices: Sequence[Device], run: Run, wishes: Wishes,
    mode: Mode,
) -> Placement:  # fmt: skip
    """The best placement in `mode`; look at `fits`. `devices` are those that may be used."""

    def ground_of(run: Run) -> Ground:
        return Ground(model, hardware, tuple(devices), run, wishes, entries(model, run))

    ground = ground_of(run)
    found = _placed(ground, mode)
    # Blocks are packed greedily: with more room they may come to lie worse, or on more devices,
    # which take more to work together. What would hold a larger context holds this one.
    larger, packed = run, found
    while not found.fits and mode is not Mode.HOST and _is_enough(packed):
        larger = replace(larger, context_tokens=2 * larger.context_tokens)
        packed = _placed(ground_of(larger), mode)
        found = ground.placement(mode, packed.counts, packed.in_ram) if packed.fits else found
    return found


def _is_enough(placement: Placement) -> bool:
    """Whether there is room for all of it, if not where it lies."""
    return sum(use.left_bytes for use in placement.uses) >= 0


def _placed(ground: Ground, mode: Mode) -> Placement:
    match mode:
        case Mode.DEVICES:
            return _whole(ground, len(ground.entries), frozenset())
        case Mode.EXPERTS_IN_RAM:
            return _with_experts_in_ram(ground)
        case Mode.BLOCKS_IN_RAM:
            return _with_blocks_in_ram(ground)
    return ground.placement(Mode.HOST, (0,) * len(ground.devices), frozenset())


def exceeds(model: ModelShape, devices: Sequence[Device], run: Run, wishes: Wishes) -> bool:
    """Whether weights and cache alone are more than the devices' room together."""
    rooms = sum(
        device.memory_bytes - wishes.headroom_gpu_bytes - device_overhead_bytes(device.backend)
        for device in devices
    )
    return sum(entry.size_bytes for entry in entries(model, run)) > rooms


def _whole(ground: Ground, gpu_layers: int, in_ram: Experts) -> Placement:
    """The last `gpu_layers` entries over the devices; `in_ram` does without a place there."""
    active = ground.entries[len(ground.entries) - gpu_layers :]
    rooms = [float(ground.room(device)) for device in ground.devices]
    mode = Mode.DEVICES if gpu_layers == len(ground.entries) else Mode.BLOCKS_IN_RAM
    sizes = [float(entry.size_bytes - expert_bytes_of(entry, in_ram)) for entry in active]
    tried: list[Placement] = []
    for _ in range(_ATTEMPTS):
        counts = split(sizes, rooms, ground.may_begin(active))
        found = ground.placement(mode, counts, in_ram)
        tried.append(found)
        if found.fits or sum(use.left_bytes for use in found.uses[:-1]) < 0:
            break  # nothing to mend, or nothing that another split would
        # Working memory depends on what lands where: take it off, and split again.
        rooms = [
            ground.room(device) - use.compute.high
            for device, use in zip(ground.devices, found.uses, strict=False)
        ]
    return max(tried, key=_worst)


def _with_experts_in_ram(ground: Ground) -> Placement:
    """Every block on the devices, and of their experts as many as there is room for."""
    # Shares follow the whole blocks, so that each device can fill itself with its own.
    active, gpu_layers = ground.entries, len(ground.entries)
    counts = split(
        [float(entry.size_bytes) for entry in active],
        [float(ground.room(device)) for device in ground.devices],
        ground.may_begin(active),
    )
    everything = frozenset(
        (entry.index, what) for entry in ground.on_devices(counts) for what in entry.experts
    )
    bare = ground.placement(Mode.EXPERTS_IN_RAM, counts, everything)
    if any(use.left_bytes < 0 for use in bare.uses[:-1]):
        counts = _whole(ground, gpu_layers, everything).counts
        bare = ground.placement(Mode.EXPERTS_IN_RAM, counts, everything)
    left = [use.left_bytes for use in bare.uses[:-1]]
    found = bare
    for _ in range(_ATTEMPTS):
        held_by = ground.held_by(counts)
        kept = frozenset().union(*map(_fill, held_by, left))
        found = ground.placement(Mode.EXPERTS_IN_RAM, counts, everything - kept)
        # Experts that are computed there need working memory, which was not counted yet.
        over = [min(use.left_bytes, 0) for use in found.uses[:-1]]
        if not any(over):
            return found
        left = [room + short for room, short in zip(left, over, strict=True)]
    return bare


def _with_blocks_in_ram(ground: Ground) -> Placement:
    """As many of the last blocks on the devices as fit; a mixture's experts on the host."""
    experts = frozenset((entry.index, what) for entry in ground.entries for what in entry.experts)
    low, high = 1, len(ground.entries) - 1
    best = _whole(ground, low, experts)
    while low <= high:
        middle = (low + high) // 2
        found = _whole(ground, middle, experts)
        if all(use.left_bytes >= 0 for use in found.uses[:-1]):
            low, best = middle + 1, found
        else:
            high = middle - 1
    return best


def _fill(held: Sequence[Entry], left_bytes: int) -> Experts:
    """The experts that fit into what is left, whole blocks first, from the last one on."""
    kept: set[tuple[int, str]] = set()
    for entry in reversed(held):
        if entry.experts and entry.expert_bytes <= left_bytes:
            left_bytes -= entry.expert_bytes
            kept |= {(entry.index, what) for what in entry.experts}
    for entry in reversed(held):
        for what, size in entry.experts.items():
            if (entry.index, what) not in kept and size <= left_bytes:
                left_bytes -= size
                kept.add((entry.index, what))
    return frozenset(kept)


def _worst(placement: Placement) -> int:
    return min(use.left_bytes for use in placement.uses)
