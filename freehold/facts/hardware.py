"""What a machine can compute with: GPUs, processors, memory and disks, in one round trip."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from freehold.facts.dimms import Dimm, read_dimms
from freehold.facts.fact import Fact, every, field, quote
from freehold.facts.nvidia import NvidiaGpu, read_gpus

_SCRIPT = Path(__file__).with_name("hardware.sh").read_text()


@dataclass(frozen=True)
class NumaNode:
    """`cpus` as the kernel lists them ("0-47"); "" for a node of memory alone."""

    memory_bytes: int
    cpus: str


@dataclass(frozen=True)
class Disk:
    """A physical disk below /var/lib. `transport` is lsblk's: "nvme", "sata"; "" if unknown."""

    model: str
    transport: str
    is_rotational: bool


@dataclass(frozen=True)
class HardwareFacts:
    """Sizes in bytes. `cores` are physical ones; on a Mac its performance cores.

    `own_memory_bytes` is RAM that the unit's main process holds and would give back. `dimms` is
    empty where the firmware's table cannot be read or names none. `nvidia_error` is what
    nvidia-smi said in place of an answer; `pci_gpus` are vendor:device of all that PCI shows,
    `amd_memory_bytes` the memory of each that AMD's driver runs.
    `wired_limit_bytes` is Apple's, 0 where it is not set.
    """

    system: str
    arch: str
    cpu_model: str
    cores: int
    sockets: int
    memory_bytes: int
    memory_available_bytes: int | None = None
    own_memory_bytes: int = 0
    numa_nodes: tuple[NumaNode, ...] = ()
    dimms: tuple[Dimm, ...] = ()
    gpus: tuple[NvidiaGpu, ...] = ()
    nvidia_error: str | None = None
    pci_gpus: tuple[str, ...] = ()
    amd_memory_bytes: tuple[int, ...] = ()
    disks: tuple[Disk, ...] = ()
    disk_read_bytes_per_s: float | None = None
    wired_limit_bytes: int = 0


def hardware_fact(unit: str, sample: str | None = None) -> Fact[HardwareFacts]:
    """The machine, with what the main process of `unit` holds told apart from others' memory.

    Only with `sample`, a large file on the node's disk, is the disk's speed measured: at most
    512 MiB and 2 s of it are read past the page cache, one request at a time, so that an array
    of disks may do better.
    """
    settings = f"unit={quote(unit)}\nsample={quote(sample or '')}\n"
    return Fact("hardware", settings + _SCRIPT, _parse)


def _parse(text: str) -> HardwareFacts:
    system = field(text, "system")
    if system == "Darwin":
        return HardwareFacts(
            system=system,
            arch=field(text, "arch"),
            cpu_model=field(text, "cpu"),
            cores=int(field(text, "cores")),
            sockets=1,
            memory_bytes=int(field(text, "memory_bytes")),
            wired_limit_bytes=int(field(text, "wired_limit_mb") or 0) << 20,
        )
    own_pid = next(iter(every(text, "own_pid")), None)
    said, status = every(text, "nvidia"), next(iter(every(text, "nvidia_exit")), "0")
    return HardwareFacts(
        system=system,
        arch=field(text, "arch"),
        cpu_model=field(text, "cpu"),
        # A container may hide the topology: then nothing is counted.
        cores=int(field(text, "cores")) or int(field(text, "threads")),
        sockets=int(field(text, "sockets")) or 1,
        memory_bytes=_kib(field(text, "memory_kib")),
        memory_available_bytes=_kib(field(text, "available_kib")),
        own_memory_bytes=_own_memory(text) if own_pid else 0,
        numa_nodes=tuple(map(_numa_node, every(text, "numa"))),
        dimms=read_dimms(next(iter(every(text, "smbios")), "")),
        gpus=read_gpus(said, every(text, "app"), own_pid) if status == "0" else (),
        nvidia_error=None if status == "0" else "\n".join(said).strip() or f"exit {status}",
        pci_gpus=every(text, "gpu"),
        amd_memory_bytes=tuple(map(int, every(text, "amd"))),
        disks=tuple(_disk(line) for line in every(text, "disk") if 'TYPE="disk"' in line),
        disk_read_bytes_per_s=_speed(every(text, "read")),
    )


def _kib(text: str) -> int:
    return int(text.removesuffix("kB")) * 1024


def _own_memory(text: str) -> int:
    """Anonymous pages, and those of files where they are locked: the kernel cannot drop them."""
    size = {key: _kib(next(iter(every(text, f"own_{key}")), "0")) for key in _STATUS}
    return size["RssAnon"] + min(size["RssFile"], size["VmLck"])


_STATUS = ("RssAnon", "RssFile", "VmLck")


def _numa_node(line: str) -> NumaNode:
    size, _, cpus = line.partition(" cpus")
    return NumaNode(_kib(size), cpus.strip())


def _disk(line: str) -> Disk:
    column = dict(re.findall(r'(\w+)="([^"]*)"', line))
    return Disk(column["MODEL"].strip(), column["TRAN"], column["ROTA"] == "1")


def _speed(lines: tuple[str, ...]) -> float | None:
    if not lines:
        return None
    read_bytes, time_s = lines[0].split()
    return int(read_bytes) / float(time_s)
