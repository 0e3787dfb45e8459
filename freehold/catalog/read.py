"""A machine as its own facts tell it, with what the catalogue knows of its parts."""

from __future__ import annotations

import dataclasses

from freehold.catalog.assumed import NVME_BYTES_PER_S, drawn_watts, usual_machine
from freehold.catalog.cards import card_named, pcie_bytes_per_s, typical_card
from freehold.catalog.macs import mac_hardware
from freehold.catalog.ram import Bandwidth, by_modules, by_processor, of_channels
from freehold.facts.hardware import Disk, HardwareFacts
from freehold.facts.nvidia import NvidiaGpu
from freehold.sizing.hardware import Backend, Device, Hardware

_GIB = 1 << 30
_NVIDIA = "0x10de:"  # PCI's vendor
_CARD_MIN_BYTES = 4 * _GIB  # less is graphics within a processor


def hardware_from(facts: HardwareFacts, name: str) -> Hardware:
    """The machine `name`. What its facts do not say is taken from the catalogue, or assumed.

    A device's free memory counts what our own unit holds, since a restart gives that back; what
    other programs hold is missing from it. GPUs that the engine would not see as whole CUDA
    devices are left out, and `guessed` says so.
    """
    if facts.system == "Darwin":
        return _mac(facts, name)
    guessed = [left_out for gpu in facts.gpus if (left_out := _left_out(gpu))]
    whole = [gpu for gpu in facts.gpus if not _left_out(gpu)]
    devices = tuple(_device(index, gpu, guessed) for index, gpu in enumerate(whole))
    guessed += _unseen(facts)
    ram = _bandwidth(facts)
    if ram.how:
        guessed.append(f"RAM bandwidth: {ram.bytes_per_s / 1e9:.0f} GB/s, {ram.how}")
    disk = facts.disk_read_bytes_per_s
    if disk is None:
        disk = _disk_bytes_per_s(facts.disks)
        guessed.append(f"disk: {disk / 1e6:.0f} MB/s by its kind, not measured")
    watts = drawn_watts([gpu.power_limit_watts or 0 for gpu in facts.gpus], facts.cores)
    guessed.append(f"power: {watts:.0f} W")
    available = facts.memory_available_bytes
    return Hardware(
        name=name,
        devices=devices,
        ram_bytes=facts.memory_bytes,
        ram_available_bytes=None if available is None else available + facts.own_memory_bytes,
        ram_bandwidth_bytes_per_s=ram.bytes_per_s,
        cores=facts.cores,
        sockets=facts.sockets,
        # Nodes of GPU memory, or of none, have no processors.
        numa_nodes=sum(1 for node in facts.numa_nodes if node.cpus) or 1,
        arch=facts.arch,
        disk_read_bytes_per_s=disk,
        watts=watts,
        guessed=tuple(guessed),
    )


def _mac(facts: HardwareFacts, name: str) -> Hardware:
    chip = facts.cpu_model.removeprefix("Apple ")
    mac = mac_hardware(chip, facts.memory_bytes / _GIB, name)
    if not facts.wired_limit_bytes:
        return dataclasses.replace(mac, cores=facts.cores)
    (gpu,) = mac.devices
    wired = dataclasses.replace(gpu, memory_bytes=facts.wired_limit_bytes)
    return dataclasses.replace(mac, cores=facts.cores, devices=(wired,))


def _left_out(gpu: NvidiaGpu) -> str | None:
    if gpu.is_split:
        return f"GPUs: {gpu.index} ({gpu.name}) is split by MIG and left out"
    if gpu.usable_bytes is None:
        return f"GPUs: {gpu.index} ({gpu.name}) has no memory of its own and is left out"
    return None


def _device(index: int, gpu: NvidiaGpu, guessed: list[str]) -> Device:
    usable_bytes = gpu.usable_bytes or 0
    card = card_named(gpu.name)
    if card is None:
        card = typical_card(usable_bytes / _GIB)
        guessed.append(f"GPUs: {gpu.name} is not catalogued, taken for the {card.name}")
    link = card.link_bytes_per_s
    if card.link_gb_s is None and gpu.pcie_gen and gpu.pcie_lanes:
        link = pcie_bytes_per_s(gpu.pcie_gen, gpu.pcie_lanes)
    free_bytes = gpu.free_bytes
    if gpu.own_bytes is None:
        guessed.append(f"GPUs: what our own server holds of {gpu.index} is not told: counted as 0")
    return Device(
        name=f"{Backend.CUDA}{index}",
        model=gpu.name,
        memory_bytes=usable_bytes,
        free_bytes=None if free_bytes is None else free_bytes + (gpu.own_bytes or 0),
        bandwidth_bytes_per_s=card.gb_s * 1e9,
        link_bytes_per_s=link,
        compute_capability=gpu.compute_capability or card.cc,
        tflops=card.tflops,
    )


def _unseen(facts: HardwareFacts) -> list[str]:
    """What PCI shows, and no CUDA device stands for."""
    found = []
    nvidia = sum(1 for device in facts.pci_gpus if device.startswith(_NVIDIA))
    if nvidia > len(facts.gpus):
        said = (facts.nvidia_error or "nvidia-smi does not name them").splitlines()[0]
        found.append(f"GPUs: {nvidia - len(facts.gpus)} of NVIDIA on PCI left out: {said}")
    for size in facts.amd_memory_bytes:
        if size >= _CARD_MIN_BYTES:
            found.append(f"GPUs: one of AMD with {size / _GIB:.0f} GiB left out: they are not read")
    return found


def _bandwidth(facts: HardwareFacts) -> Bandwidth:
    hosts = [card.host for gpu in facts.gpus if (card := card_named(gpu.name)) and card.host]
    if hosts:
        return Bandwidth(hosts[0].gb_s * 1e9, f"as {facts.gpus[0].name} has")
    found = by_modules(facts.dimms, facts.cpu_model, facts.sockets)
    found = found or by_processor(facts.cpu_model, facts.sockets)
    if found:
        return found
    usual = usual_machine([], facts.memory_bytes / _GIB)
    channels = usual.channels * facts.sockets
    how = f"{channels} channels at {usual.mt_s} MT/s, as {usual.kind} has"
    return of_channels(channels, usual.mt_s, how)


def _disk_bytes_per_s(disks: tuple[Disk, ...]) -> float:
    """Of the slowest among the disks below /var/lib, by their kind. A judgement."""
    return min(map(_kinds_bytes_per_s, disks), default=NVME_BYTES_PER_S)


def _kinds_bytes_per_s(disk: Disk) -> float:
    if "Elastic Block Store" in disk.model:
        return 125e6  # gp3's baseline; it says that it is NVMe
    if disk.transport == "nvme":
        return NVME_BYTES_PER_S
    # A virtual disk calls itself rotational, and has no transport.
    return 150e6 if disk.is_rotational and disk.transport else 500e6
