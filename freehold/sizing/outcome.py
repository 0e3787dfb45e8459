"""From a placement to the answer: a layout and why it is so, or a refusal with its arithmetic."""

from __future__ import annotations

from freehold.sizing.ground import Placement
from freehold.sizing.hardware import Device, Hardware
from freehold.sizing.held import Run, pad
from freehold.sizing.layout import Layout, Mode, Refusal, Shortfall
from freehold.sizing.model import ModelShape
from freehold.sizing.overrides import overrides
from freehold.sizing.wishes import GIB, MIB, LoadMode, Wishes

_PROMPT_CACHE_BYTES_MAX = 8 * GIB  # --cache-ram's default
_LOCKED_SHARE_MAX = 0.9  # of RAM: beyond it the system would starve when all of it is locked


def layout_of(
    model: ModelShape, hardware: Hardware, devices: tuple[Device, ...], run: Run, wishes: Wishes,
    placement: Placement, why: list[str],
) -> Layout:  # fmt: skip
    """Of a placement that fits; `why` are reasons for what was chosen before."""
    used = [d for d, count in zip(devices, placement.counts, strict=True) if count]
    uses = [use for use, count in zip(placement.uses[:-1], placement.counts, strict=True) if count]
    load_mode, reason = _load_mode(wishes, placement, hardware)
    wired = None
    if hardware.is_unified and used:
        needed = int(uses[0].total.high)
        wired = needed if needed > hardware.devices[0].memory_bytes else None
    reasons = [*_reasons(model, hardware, wishes, placement, len(used)), reason, *why]
    if wired is not None:
        reasons.append(f"the GPU must wire more: sysctl iogpu.wired_limit_mb={-(-wired // MIB)}")
    if run.context_tokens > pad(model.context_max_tokens):
        most = f"{model.context_max_tokens:,} tokens"
        reasons.append(f"the context is beyond the {most} that the model was made for")
    return Layout(
        model=model,
        hardware=hardware,
        run=run,
        mode=placement.mode,
        uses=(*uses, placement.uses[-1]),
        gpu_layers=placement.gpu_layers,
        tensor_split=tuple(count for count in placement.counts if count),
        overrides=overrides(placement.in_ram),
        load_mode=load_mode,
        threads=wishes.threads or hardware.cores,
        # The engine's own default takes 8 GiB beside the model, whether there is room or not.
        prompt_cache_bytes=min(_PROMPT_CACHE_BYTES_MAX, max(placement.uses[-1].left_bytes, 0) // 2),
        wired_limit_bytes=wired,
        why=tuple(reasons),
    )


def _reasons(
    model: ModelShape, hardware: Hardware, wishes: Wishes, placement: Placement, used: int,
) -> list[str]:  # fmt: skip
    reasons = []
    if hardware.devices and not placement.gpu_layers:
        reasons.append("no device was allowed" if wishes.devices == () else "no device has room")
    if used == 1 < len(hardware.devices) and placement.mode is Mode.DEVICES:
        reasons.append("one device carries all of it: more would add a hop to each token")
    if placement.mode is Mode.EXPERTS_IN_RAM:
        total = sum(block.expert_bytes for block in model.blocks)
        in_ram = sum(model.blocks[index].experts[what] for index, what in placement.in_ram)
        reasons.append(
            f"{in_ram / total:.0%} of the routed experts lie in RAM: the devices are full with "
            "every block's attention and the rest of the experts"
        )
    return reasons


def _load_mode(wishes: Wishes, placement: Placement, hardware: Hardware) -> tuple[LoadMode, str]:
    if wishes.load_mode is not LoadMode.AUTO:
        return wishes.load_mode, f"weights are held by {wishes.load_mode.value}, as asked"
    host = placement.uses[-1]
    if placement.mode is not Mode.HOST:
        # A locked map spans from the first to the last tensor in RAM, the devices' among them.
        return LoadMode.MAPPED, "weights are mapped: what goes to a device needs no RAM for long"
    if host.total.high <= _LOCKED_SHARE_MAX * hardware.ram_bytes:
        return (
            LoadMode.LOCKED,
            "weights are mapped and locked: they fit into RAM with room to spare",
        )
    return LoadMode.MAPPED, "weights are mapped, not locked: they take most of the RAM"


def refusal_of(model: ModelShape, hardware: Hardware, run: Run, placement: Placement) -> Refusal:
    """Of the placement that misses least: what is short on each of its devices."""
    short = tuple(
        Shortfall(
            use.device,
            int(use.total.high),
            use.capacity_bytes - use.headroom_bytes,
            f"{use.weights_bytes / GIB:.1f} GiB of weights, "
            f"{(use.kv_bytes + use.indexer_kv_bytes) / GIB:.1f} GiB of KV cache, "
            f"{use.compute.high / GIB:.1f} GiB to compute",
        )
        for use in placement.uses
        if use.left_bytes < 0
    )
    return Refusal(model, hardware, run, placement.uses, short)
