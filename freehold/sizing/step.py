"""How long one pass of tokens through all devices takes, and what the time is spent on.

Devices work one after the other (--split-mode layer), so that their times add up. Source of the
model: memory is read once a pass at a share of its bandwidth, or arithmetic takes longer; on a
CPU the codebook (IQ) types are bound by their dequantisation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from freehold.sizing.calibration import BackendConstants, Calibration, Outlook
from freehold.sizing.hardware import Device, Hardware
from freehold.sizing.layout import HOST, Layout, Use
from freehold.sizing.work import (
    Part,
    attention_flops_per_cell,
    indexer_flops_per_cell,
    parts,
    routed_read,
    routed_share,
)

GIGA = 1e9


@dataclass(frozen=True)
class Load:
    """`tokens` pass in one step, of so many streams, with `depth_tokens` behind each."""

    tokens: int
    streams: int
    depth_tokens: int
    of_draft: bool = False


@dataclass(frozen=True)
class Spent:
    """Seconds at a place on one thing; `read_bytes` are what its memory was asked for."""

    place: str
    what: str
    seconds: float
    read_bytes: float = 0


Weights = Mapping[tuple[str, bool], tuple[Part, ...]]
"""By device, and whether of the draft."""


def weights_of(layout: Layout) -> Weights:
    """What every pass through a layout reads."""
    return {
        (use.device, of_draft): parts(layout.model, use, of_draft=of_draft)
        for use in layout.uses
        for of_draft in (False, True)
    }


@dataclass(frozen=True)
class Pass:
    """One layout under one outlook; `weights` are `weights_of` it."""

    layout: Layout
    calibration: Calibration
    outlook: Outlook
    weights: Weights

    def spent(self, load: Load) -> list[Spent]:
        """All that a step of `load` spends."""
        found: list[Spent] = []
        for use in self.layout.devices:
            found += self._on_device(use, load)
        found += self._on_host(load)
        hops = max(len(self.layout.devices) - 1, 0)
        for use in self.layout.devices[:1] if hops and not load.of_draft else ():
            hop_ms = self._constants(use).hop_ms.at(self.outlook)
            found.append(Spent(use.device, "hops between devices", hops * hop_ms / 1e3))
        return [each for each in found if each.seconds > 0]

    def _on_device(self, use: Use, load: Load) -> Iterator[Spent]:
        constants, device = self._constants(use), self._device(use)
        bandwidth = device_bandwidth(device, self.layout.hardware, self.calibration, self.outlook)
        own = self.weights[use.device, load.of_draft]
        streamed = list(self._streamed(use, load))
        yield from self._weights(
            use, [*own, *streamed], own, load, bandwidth * constants.read.at(self.outlook)
        )
        if streamed:
            link = link_bandwidth(device, self.calibration, self.outlook)
            size = self._read(streamed, load)
            seconds = size / (link * constants.link.at(self.outlook))
            yield Spent(use.device, "link", seconds)
        if not load.of_draft:
            rate = self._flops(device, constants.attention.at(self.outlook))
            yield self._attention(use, load, bandwidth, rate)
            blocks = len(use.held.blocks)
            per_block_s = constants.block_ms.at(self.outlook) / 1e3
            yield Spent(use.device, "kernel launches", blocks * per_block_s)

    def _weights(
        self, use: Use, multiplied: Sequence[Part], read: Sequence[Part], load: Load, rate: float
    ) -> Iterator[Spent]:
        share = self._constants(use).arithmetic.at(self.outlook)
        flops = 2 * load.tokens * self._active_elements(multiplied)
        arithmetic_s = flops / self._flops(self._device(use), share)
        size = self._read(read, load)
        if arithmetic_s > size / rate:
            yield Spent(use.device, "arithmetic", arithmetic_s, size)
        else:
            yield Spent(use.device, "memory bandwidth", size / rate, size)

    def _streamed(self, use: Use, load: Load) -> Iterator[Part]:
        """Experts in RAM that a large batch takes over the link to where their block runs.

        Where it runs on the CPU, to the first device.
        """
        if self._streams(load):
            blocks = {*use.held.blocks}
            if use is self.layout.uses[0]:
                blocks |= {*self.layout.host.held.blocks}
            for part in self.weights[HOST, load.of_draft]:
                if part.block in blocks:
                    yield part

    def _streams(self, load: Load) -> bool:
        return bool(self.layout.devices) and load.tokens >= self.calibration.offload_min_tokens

    def _on_host(self, load: Load) -> Iterator[Spent]:
        use, constants = self.layout.host, self.calibration.host
        here = [
            part
            for part in self.weights[HOST, load.of_draft]
            if not (part.is_routed and self._streams(load))
        ]
        if not here:
            return
        bandwidth = ram_bandwidth(self.layout.hardware, self.calibration, self.outlook)
        rate = bandwidth * constants.read.at(self.outlook)
        cores, factor = self._threads(load), self._processor()
        for part in here:
            seconds = self._read([part], load) / rate
            per_core = constants.elements_g_per_s.get(part.type, constants.elements_g_per_s["Q8_0"])
            elements = load.tokens * self._active_elements([part])
            dequantise_s = elements / (per_core * GIGA * factor * cores)
            what = "RAM bandwidth" if seconds >= dequantise_s else "CPU dequantisation"
            size = self._read([part], load)
            yield Spent(HOST, what, max(seconds, dequantise_s), size)
        if not load.of_draft:
            flops = constants.attention_gflops_per_core.at(self.outlook) * GIGA * cores * factor
            yield self._attention(use, load, rate, flops)
            own = len(use.held.blocks) * constants.block_ms.at(self.outlook)
            others = len({p.block for p in here if p.is_routed} - {*use.held.blocks})
            handed = others * constants.handover_ms.at(self.outlook)
            yield Spent(HOST, "hand-over to the CPU", (own + handed) / 1e3)

    def _attention(self, use: Use, load: Load, bandwidth: float, flops: float) -> Spent:
        model, run = self.layout.model, self.layout.run
        cells = self._cells(use, load.depth_tokens)
        size = load.streams / run.cells * (
            use.kv_bytes * cells + use.indexer_kv_bytes * load.depth_tokens
        )  # fmt: skip
        indexed = sum(model.blocks[index].has_indexer for index in use.held.blocks)
        per_token = len(use.held.blocks) * attention_flops_per_cell(model) * cells
        per_token += indexed * indexer_flops_per_cell(model) * load.depth_tokens
        seconds = max(size / bandwidth, load.tokens * per_token / flops)
        return Spent(use.device, "attention", seconds, size)

    def _cells(self, use: Use, depth: int) -> int:
        """That attention reads. A CPU skips what is masked; a back end that gathers, from a size.

        Source: ggml-cuda/fattn.cu (shall_use_sparse) and ggml-cpu/ops.cpp (masked cells are
        skipped). Whether a build gathers depends on its age, so the slow outlook reads all.
        """
        if not self.layout.model.is_sparse:
            return depth
        selected = min(self.layout.model.dimensions.top_k, depth)
        if use.held.is_host:
            return selected
        start = self._constants(use).gathers_from_cells
        gathers = start is not None and depth >= start and self.outlook is not Outlook.SLOW
        return selected if gathers else depth

    def _read(self, read: Sequence[Part], load: Load) -> float:
        share = routed_read(self.layout.model, load.tokens)
        return sum(part.size_bytes * (share if part.is_routed else 1) for part in read)

    def _active_elements(self, multiplied: Sequence[Part]) -> float:
        share = routed_share(self.layout.model)
        return sum(part.elements * (share if part.is_routed else 1) for part in multiplied)

    def _threads(self, load: Load) -> float:
        """A large batch keeps every core busy; single tokens do not."""
        if load.tokens >= self.calibration.offload_min_tokens:
            return self.layout.threads
        return min(self.layout.threads, self.calibration.host.useful_threads.at(self.outlook))

    def _processor(self) -> float:
        known = self.calibration.host.processor
        return known.get(self.layout.hardware.arch, known["x86_64"]).at(self.outlook)

    def _device(self, use: Use) -> Device:
        return next(d for d in self.layout.hardware.devices if d.name == use.device)

    def _constants(self, use: Use) -> BackendConstants:
        return self.calibration.backends[self._device(use).backend]

    def _flops(self, device: Device, share: float) -> float:
        per_bandwidth = self.calibration.assumed.tflops_per_gb_per_s.at(self.outlook)
        guessed = per_bandwidth * 1e3 * device_bandwidth(
            device, self.layout.hardware, self.calibration, self.outlook
        )  # fmt: skip
        return share * (device.tflops * 1e12 if device.tflops else guessed)


def device_bandwidth(
    device: Device, hardware: Hardware, calibration: Calibration, outlook: Outlook
) -> float:
    """Of its memory, bytes/s; assumed where it is not known."""
    if device.bandwidth_bytes_per_s:
        return device.bandwidth_bytes_per_s
    if hardware.is_unified and hardware.ram_bandwidth_bytes_per_s:
        return hardware.ram_bandwidth_bytes_per_s
    return calibration.assumed.device_gb_per_s.at(outlook) * GIGA


def link_bandwidth(device: Device, calibration: Calibration, outlook: Outlook) -> float:
    """Of its way to RAM, bytes/s; assumed where it is not known."""
    return device.link_bytes_per_s or calibration.assumed.link_gb_per_s.at(outlook) * GIGA


def ram_bandwidth(hardware: Hardware, calibration: Calibration, outlook: Outlook) -> float:
    """Of all channels together, bytes/s, as the engine's threads see it over the sockets."""
    known = hardware.ram_bandwidth_bytes_per_s
    share = calibration.host.sockets.at(outlook) if hardware.numa_nodes > 1 else 1.0
    return share * (known or calibration.assumed.ram_gb_per_s.at(outlook) * GIGA)
