"""Where each part of a model goes in one mode: bytes a device, whether they fit or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from freehold.sizing.compute import compute_buffer, device_overhead_bytes
from freehold.sizing.hardware import Backend, Device, Hardware
from freehold.sizing.held import Held, Run
from freehold.sizing.kv import output_buffer_bytes
from freehold.sizing.layout import HOST, Mode, Use
from freehold.sizing.model import ModelShape, Role
from freehold.sizing.parts import Entry, added, entries
from freehold.sizing.split import split
from freehold.sizing.wishes import Wishes

Experts = frozenset[tuple[int, str]]
_ATTEMPTS = 4
# With a batch of a prompt their first device fetches experts from RAM and computes them itself.
# Source: ggml_backend_sched's op offload, and offload_op of each back end.
_OFFLOADING = frozenset({Backend.CUDA, Backend.VULKAN})


@dataclass(frozen=True)
class Placement:
    """`counts` entries on each device, the last ones of the model; the first stay on the host.

    `in_ram` names the routed experts of the devices' blocks that lie on the host instead.
    """

    mode: Mode
    counts: tuple[int, ...]
    in_ram: Experts
    uses: tuple[Use, ...]

    @property
    def fits(self) -> bool:
        return all(use.left_bytes >= 0 for use in self.uses)

    @property
    def gpu_layers(self) -> int:
        return sum(self.counts)


def place(
    model: ModelShape, hardware: Hardware, devices: Sequence[Device], run: Run, wishes: Wishes,
    mode: Mode,
) -> Placement:  # fmt: skip
    """The best placement in `mode`; look at `fits`. `devices` are those that may be used."""
    ground = _Ground(model, hardware, tuple(devices), run, wishes, entries(model, run))
    match mode:
        case Mode.DEVICES:
            return ground.whole(len(ground.entries), frozenset())
        case Mode.EXPERTS_IN_RAM:
            return ground.with_experts_in_ram(len(ground.entries))
        case Mode.BLOCKS_IN_RAM:
            return ground.with_blocks_in_ram()
    return ground.placement(Mode.HOST, (0,) * len(devices), frozenset())


def exceeds(model: ModelShape, devices: Sequence[Device], run: Run, wishes: Wishes) -> bool:
    """Whether weights and cache alone are more than the devices' room together."""
    rooms = sum(
        device.memory_bytes - wishes.headroom_gpu_bytes - device_overhead_bytes(device.backend)
        for device in devices
    )
    return sum(entry.size_bytes for entry in entries(model, run)) > rooms


@dataclass(frozen=True)
class _Ground:
    model: ModelShape
    hardware: Hardware
    devices: tuple[Device, ...]
    run: Run
    wishes: Wishes
    entries: tuple[Entry, ...]

    def whole(self, gpu_layers: int, in_ram: Experts) -> Placement:
        """The last `gpu_layers` entries over the devices; `in_ram` does without a place there."""
        active = self.entries[len(self.entries) - gpu_layers :]
        rooms = [float(self._room(device)) for device in self.devices]
        mode = Mode.DEVICES if gpu_layers == len(self.entries) else Mode.BLOCKS_IN_RAM
        sizes = [float(entry.size_bytes - _of(entry, in_ram)) for entry in active]
        tried: list[Placement] = []
        for _ in range(_ATTEMPTS):
            counts = split(sizes, rooms, self._may_begin(active))
            found = self.placement(mode, counts, in_ram)
            tried.append(found)
            if found.fits or sum(use.left_bytes for use in found.uses[:-1]) < 0:
                break  # nothing to mend, or nothing that another split would
            # Working memory depends on what lands where: take it off, and split again.
            rooms = [
                self._room(device) - use.compute.high
                for device, use in zip(self.devices, found.uses, strict=False)
            ]
        return max(tried, key=_worst)

    def with_experts_in_ram(self, gpu_layers: int) -> Placement:
        """Every block on the devices, and of their experts as many as there is room for."""
        # Shares follow the whole blocks, so that each device can fill itself with its own.
        active = self.entries[len(self.entries) - gpu_layers :]
        counts = split(
            [float(entry.size_bytes) for entry in active],
            [float(self._room(device)) for device in self.devices],
            self._may_begin(active),
        )
        everything = frozenset(
            (entry.index, what) for entry in self._on_devices(counts) for what in entry.experts
        )
        bare = self.placement(Mode.EXPERTS_IN_RAM, counts, everything)
        if any(use.left_bytes < 0 for use in bare.uses[:-1]):
            counts = self.whole(gpu_layers, everything).counts
            bare = self.placement(Mode.EXPERTS_IN_RAM, counts, everything)
        left = [use.left_bytes for use in bare.uses[:-1]]
        found = bare
        for _ in range(_ATTEMPTS):
            held_by = self._held_by(counts)
            kept = frozenset().union(*map(_fill, held_by, left))
            found = self.placement(Mode.EXPERTS_IN_RAM, counts, everything - kept)
            # Experts that are computed there need working memory, which was not counted yet.
            over = [min(use.left_bytes, 0) for use in found.uses[:-1]]
            if not any(over):
                return found
            left = [room + short for room, short in zip(left, over, strict=True)]
        return bare

    def with_blocks_in_ram(self) -> Placement:
        """As many of the last blocks on the devices as fit; a mixture's experts on the host."""
        experts = frozenset((entry.index, what) for entry in self.entries for what in entry.experts)
        low, high = 1, len(self.entries) - 1
        best = self.whole(low, experts)
        while low <= high:
            middle = (low + high) // 2
            found = self.whole(middle, experts)
            if all(use.left_bytes >= 0 for use in found.uses[:-1]):
                low, best = middle + 1, found
            else:
                high = middle - 1
        return best

    def placement(self, mode: Mode, counts: tuple[int, ...], in_ram: Experts) -> Placement:
        """The bytes of every device, and of the host."""
        held_by = self._held_by(counts)
        used = [index for index, held in enumerate(held_by) if held]
        on_host = self.entries[: len(self.entries) - sum(counts)]
        in_ram -= {(entry.index, what) for entry in on_host for what in entry.experts}
        away = tuple(e.index for held in held_by for e in held if _of(e, in_ram))
        takes_over = bool(used) and self.devices[used[0]].backend in _OFFLOADING
        is_pipelined = len(used) > 1 and takes_over and not on_host and not away
        uses = [
            self._use(
                device,
                held,
                in_ram,
                has_output=used[-1:] == [index],
                computes_experts_of=away if takes_over and index == used[0] else (),
                is_pipelined=is_pipelined,
            )
            for index, (device, held) in enumerate(zip(self.devices, held_by, strict=True))
        ]
        last = [entry.index for entry in held_by[used[-1]] if entry.is_block] if used else []
        what = Held(
            blocks=tuple(entry.index for entry in on_host if entry.is_block),
            computes_experts_of=() if takes_over else away,
            has_output=not used,
            is_host=True,
            last_device_from=min(last, default=None),
            is_pipelined=is_pipelined,
        )
        host = self._host(on_host, in_ram, what)
        if self.hardware.is_unified:
            taken = int(sum(use.total.high for use in uses))
            host = replace(host, capacity_bytes=self.hardware.ram_bytes - taken)
        return Placement(mode, counts, in_ram, (*uses, host))

    def _may_begin(self, active: Sequence[Entry]) -> list[bool]:
        """Where a later device may begin. An RPC end aborts on a block whose indexer is shared
        with one before it (seen with build 10434); CUDA devices are split anywhere and serve
        (llama.cpp #25407: eight cards, split by default)."""
        is_remote = any(device.backend is Backend.RPC for device in self.devices)
        return [entry.begins_anew or not is_remote for entry in active]

    def _room(self, device: Device) -> int:
        overhead = device_overhead_bytes(device.backend)
        return device.memory_bytes - self.wishes.headroom_gpu_bytes - overhead

    def _on_devices(self, counts: tuple[int, ...]) -> tuple[Entry, ...]:
        return self.entries[len(self.entries) - sum(counts) :]

    def _held_by(self, counts: tuple[int, ...]) -> list[tuple[Entry, ...]]:
        active, held, at = self._on_devices(counts), [], 0
        for count in counts:
            held.append(active[at : at + count])
            at += count
        return held

    def _use(
        self,
        device: Device,
        held: Sequence[Entry],
        in_ram: Experts,
        *,
        has_output: bool,
        computes_experts_of: tuple[int, ...],
        is_pipelined: bool,
    ) -> Use:
        weights = added([entry.shell for entry in held])
        experts = [(e.index, what) for e in held for what in e.experts]
        kept = tuple(expert for expert in experts if expert not in in_ram)
        _add_experts(weights, self.entries, kept, self.model)
        what = Held(
            blocks=tuple(entry.index for entry in held if entry.is_block),
            offloaded_experts=tuple(e.index for e in held if _of(e, in_ram)),
            computes_experts_of=computes_experts_of,
            has_output=has_output,
            is_pipelined=is_pipelined,
        )
        is_idle = not held
        return Use(
            device=device.name,
            capacity_bytes=device.memory_bytes,
            headroom_bytes=self.wishes.headroom_gpu_bytes,
            weights_by_role=weights,
            kv_bytes=sum(entry.kv_bytes for entry in held),
            indexer_kv_bytes=sum(entry.indexer_kv_bytes for entry in held),
            output_buffer_bytes=0,
            compute=compute_buffer(self.model, self.run, what, device.backend),
            held=what,
            overhead_bytes=0 if is_idle else device_overhead_bytes(device.backend),
            experts=kept,
        )

    def _host(self, held: Sequence[Entry], in_ram: Experts, what: Held) -> Use:
        weights = added([entry.shell for entry in held])
        weights[Role.EMBEDDING] = self.model.embedding_bytes
        if self.model.other_bytes:
            weights[Role.OTHER] = weights.get(Role.OTHER, 0) + self.model.other_bytes
        if what.has_output and self.model.has_tied_output:  # one matrix serves for both
            weights[Role.OUTPUT] -= self.model.embedding_bytes
        own = {(entry.index, what) for entry in held for what in entry.experts}
        kept = tuple(sorted(own | in_ram))
        _add_experts(weights, self.entries, kept, self.model)
        return Use(
            device=HOST,
            capacity_bytes=self.hardware.ram_bytes,
            headroom_bytes=self.wishes.headroom_ram_bytes,
            weights_by_role=weights,
            kv_bytes=sum(entry.kv_bytes for entry in held),
            indexer_kv_bytes=sum(entry.indexer_kv_bytes for entry in held),
            output_buffer_bytes=output_buffer_bytes(self.model, self.run),
            compute=compute_buffer(self.model, self.run, what),
            held=what,
            experts=kept,
        )


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


def _of(entry: Entry, in_ram: Experts) -> int:
    return sum(size for what, size in entry.experts.items() if (entry.index, what) in in_ram)


def _add_experts(
    weights: dict[Role, int], all_entries: Sequence[Entry],
    kept: Sequence[tuple[int, str]], model: ModelShape,
) -> None:  # fmt: skip
    for index, what in kept:
        role = Role.MTP if model.blocks[index].is_mtp else Role.ROUTED_EXPERTS
        weights[role] = weights.get(role, 0) + all_entries[index].experts[what]


def _worst(placement: Placement) -> int:
    return min(use.left_bytes for use in placement.uses)


def experts_by_block(experts: Sequence[tuple[int, str]] | Experts) -> Mapping[int, frozenset[str]]:
    """What of each block's experts is named."""
    found: dict[int, set[str]] = {}
    for index, what in experts:
        found.setdefault(index, set()).add(what)
    return {index: frozenset(what) for index, what in sorted(found.items())}
