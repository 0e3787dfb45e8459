"""A layout: where each part of a model goes, in bytes a device, and the engine's flags for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from freehold.sizing.hardware import Hardware
from freehold.sizing.held import Held, Interval, Run
from freehold.sizing.model import ModelShape, Role
from freehold.sizing.wishes import LoadMode

HOST = "host"


@dataclass(frozen=True)
class Use:
    """What one device, or the host, holds. All in bytes; `compute` may be off by its interval.

    `held` says which blocks run there; `experts` which blocks' routed experts lie there, as
    (block, what): (7, "gate"). `overhead_bytes` is what the back end takes for itself.
    """

    device: str
    capacity_bytes: int
    headroom_bytes: int
    weights_by_role: Mapping[Role, int]
    kv_bytes: int
    indexer_kv_bytes: int
    output_buffer_bytes: int
    compute: Interval
    held: Held
    overhead_bytes: int = 0
    experts: tuple[tuple[int, str], ...] = ()

    @property
    def weights_bytes(self) -> int:
        return sum(self.weights_by_role.values())

    @property
    def total(self) -> Interval:
        """Everything on the device."""
        exact = (
            self.weights_bytes
            + self.kv_bytes
            + self.indexer_kv_bytes
            + self.output_buffer_bytes
            + self.overhead_bytes
        )
        return Interval(
            exact + self.compute.low, exact + self.compute.expected, exact + self.compute.high
        )

    @property
    def left_bytes(self) -> int:
        """What stays free above the head-room, by the upper end of the interval; may be < 0."""
        return int(self.capacity_bytes - self.headroom_bytes - self.total.high)


@dataclass(frozen=True)
class Override:
    """Tensors that go elsewhere than their block: one `pattern=buffer` of --override-tensor.

    `matches` is how many tensors of the model the pattern must match.
    """

    pattern: str
    buffer_type: str
    matches: int

    def __str__(self) -> str:
        return f"{self.pattern}={self.buffer_type}"


class Mode(StrEnum):
    """How much of a model the devices carry; earlier ones are faster."""

    DEVICES = "all on the GPUs"
    EXPERTS_IN_RAM = "experts in RAM"
    BLOCKS_IN_RAM = "blocks in RAM"
    HOST = "all in RAM"


@dataclass(frozen=True)
class Layout:
    """The answer that fits. `uses` holds each device in the engine's order, the host last.

    The last `gpu_layers` of the engine's entries (the blocks, then the output) go to devices,
    `tensor_split` of them to each. `why` explains the choices that were made, a sentence each.
    `wired_limit_bytes` is what a Mac must let its GPU wire, where its default is too little.
    """

    model: ModelShape
    hardware: Hardware
    run: Run
    mode: Mode
    uses: tuple[Use, ...]
    gpu_layers: int
    tensor_split: tuple[int, ...]
    overrides: tuple[Override, ...]
    load_mode: LoadMode
    threads: int
    prompt_cache_bytes: int
    """RAM in which the server may keep the state of earlier prompts (--cache-ram)."""
    wired_limit_bytes: int | None = None
    why: tuple[str, ...] = ()

    @property
    def host(self) -> Use:
        return self.uses[-1]

    @property
    def devices(self) -> tuple[Use, ...]:
        return self.uses[:-1]


@dataclass(frozen=True)
class Shortfall:
    """What is short on one device, or on the host."""

    device: str
    needed_bytes: int
    usable_bytes: int
    what: str

    @property
    def missing_bytes(self) -> int:
        return self.needed_bytes - self.usable_bytes


@dataclass(frozen=True)
class WayOut:
    """A change that would make it fit, computed: what to change, and what it costs."""

    change: str
    effect: str


@dataclass(frozen=True)
class Refusal:
    """It does not fit: what is short where, and the cheapest ways out."""

    model: ModelShape
    hardware: Hardware
    run: Run
    uses: tuple[Use, ...]
    shortfalls: tuple[Shortfall, ...]
    ways_out: tuple[WayOut, ...] = ()


Answer = Layout | Refusal
