"""What of a layout outlives its making: the unit is rendered and a load is attested by it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from freehold.sizing.flags import Flags, layout_flags, run_flags
from freehold.sizing.held import Run
from freehold.sizing.layout import Layout, Override, Use
from freehold.sizing.wanted import wishes_of
from freehold.sizing.wishes import UBATCH_TOKENS
from freehold.spec.server import Server

CONTEXT_TOKENS = 4096  # where the placement is by hand, and the context is left open


@dataclass(frozen=True)
class PlannedDevice:
    """Bytes that a device, or the host, must hold; `blocks` run their attention there."""

    device: str
    buffer_type: str
    weights_bytes: int
    kv_bytes: int
    indexer_kv_bytes: int
    blocks: int
    has_output: bool


@dataclass(frozen=True)
class Planned:
    """Plain data, as a state keeps it. `devices` is empty where the placement is by hand."""

    context_tokens: int
    slots: int
    threads: int
    flags: Flags
    devices: tuple[PlannedDevice, ...] = ()
    overrides: tuple[Override, ...] = ()

    @classmethod
    def of(cls, layout: Layout, known_flags: Collection[str]) -> Planned:
        """Of a layout, in the words of a build with these flags."""
        buffers = {device.name: device.buffer_type for device in layout.hardware.devices}
        return cls(
            layout.run.context_tokens,
            layout.run.slots,
            layout.threads,
            layout_flags(layout, known_flags),
            tuple(_device(use, buffers.get(use.device, "CPU")) for use in layout.uses),
            layout.overrides,
        )

    @classmethod
    def by_hand(cls, server: Server, cores: int, known_flags: Collection[str] = ()) -> Planned:
        """Where the person's own flags place the model: what is left open is the least."""
        wishes = wishes_of(server)
        run = Run(
            context_tokens=wishes.context_tokens or CONTEXT_TOKENS,
            slots=wishes.slots or 1,
            cache_type=wishes.cache_type or "f16",
            ubatch_tokens=wishes.ubatch_tokens or UBATCH_TOKENS,
            batch_tokens=wishes.batch_tokens,
            is_kv_unified=wishes.is_kv_unified,
            has_flash_attention=wishes.has_flash_attention,
            has_mtp=wishes.has_mtp,
        )
        return cls(
            run.context_tokens,
            run.slots,
            wishes.threads or cores,
            run_flags(run, wishes.load_mode, known_flags),
        )

    def to_properties(self) -> dict[str, Any]:
        """As JSON has it."""
        known = asdict(self)
        known["flags"] = [list(flag) for flag in self.flags]
        return known

    @classmethod
    def of_properties(cls, known: Mapping[str, Any]) -> Planned:
        """What `to_properties` made; numbers may have become floats on the way."""
        return cls(
            context_tokens=int(known["context_tokens"]),
            slots=int(known["slots"]),
            threads=int(known["threads"]),
            flags=tuple(tuple(flag) for flag in known["flags"]),
            devices=tuple(_of_properties(device) for device in known["devices"]),
            overrides=tuple(
                Override(o["pattern"], o["buffer_type"], int(o["matches"]))
                for o in known["overrides"]
            ),
        )


def _device(use: Use, buffer_type: str) -> PlannedDevice:
    return PlannedDevice(
        use.device,
        buffer_type,
        use.weights_bytes,
        use.kv_bytes,
        use.indexer_kv_bytes,
        len(use.held.blocks),
        use.held.has_output,
    )


def _of_properties(known: Mapping[str, Any]) -> PlannedDevice:
    sizes = ("weights_bytes", "kv_bytes", "indexer_kv_bytes", "blocks")
    return PlannedDevice(**{**known, **{name: int(known[name]) for name in sizes}})
