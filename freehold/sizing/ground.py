"""What a placement takes: bytes by part on every device, and on the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from freehold.sizing.compute import compute_buffer, device_overhead_bytes
from freehold.sizing.hardware import Backend, Device, Hardware
from freehold.sizing.held import Held, Run
from freehold.sizing.kv import output_buffer_bytes
from freehold.sizing.layout import HOST, Mode, Use
from freehold.sizing.model import ModelShape, Role
from freehold.sizing.parts import Entry, added
from freehold.sizing.wishes import Wishes

Experts = frozenset[tuple[int, str]]
"""Routed experts by their block and what they are: (7, "gate")."""

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


@dataclass(frozen=True)
class Ground:
    """A model, a machine and how the engine is run: all that bytes follow from."""

    model: ModelShape
    hardware: Hardware
    devices: tuple[Device, ...]
    run: Run
    wishes: Wishes
    entries: tuple[Entry, ...]

    def placement(self, mode: Mode, counts: tuple[int, ...], in_ram: Experts) -> Placement:
        """The bytes of every device, and of the host."""
        held_by = self.held_by(counts)
        used = [index for index, held in enumerate(held_by) if held]
        on_host = self.entries[: len(self.entries) - sum(counts)]
        in_ram -= {(entry.index, what) for entry in on_host for what in entry.experts}
        away = tuple(e.index for held in held_by for e in held if expert_bytes_of(e, in_ram))
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

    def may_begin(self, active: Sequence[Entry]) -> list[bool]:
        """Where a later device may begin. An RPC end aborts on a block whose indexer is shared
        with one before it (seen with build 10434; llama.cpp #28047, mended by #26500); CUDA devices
        are split anywhere and serve (#25407: eight cards, split by default)."""
        is_remote = any(device.backend is Backend.RPC for device in self.devices)
        return [entry.begins_anew or not is_remote for entry in active]

    def room(self, device: Device) -> int:
        """What of its memory layers may take, in bytes."""
        overhead = device_overhead_bytes(device.backend)
        return device.memory_bytes - self.wishes.headroom_gpu_bytes - overhead

    def on_devices(self, counts: tuple[int, ...]) -> tuple[Entry, ...]:
        """The entries that are not left to the host."""
        return self.entries[len(self.entries) - sum(counts) :]

    def held_by(self, counts: tuple[int, ...]) -> list[tuple[Entry, ...]]:
        """The entries of each device."""
        active, held, at = self.on_devices(counts), [], 0
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
            offloaded_experts=tuple(e.index for e in held if expert_bytes_of(e, in_ram)),
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


def expert_bytes_of(entry: Entry, in_ram: Experts) -> int:
    """Of those that are named, in bytes."""
    return sum(size for what, size in entry.experts.items() if (entry.index, what) in in_ram)


def _add_experts(
    weights: dict[Role, int], all_entries: Sequence[Entry],
    kept: Sequence[tuple[int, str]], model: ModelShape,
) -> None:  # fmt: skip
    for index, what in kept:
        role = Role.MTP if model.blocks[index].is_mtp else Role.ROUTED_EXPERTS
        weights[role] = weights.get(role, 0) + all_entries[index].experts[what]
