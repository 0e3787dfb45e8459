"""Macs with Apple silicon as machines: one device that shares the host's memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from freehold.catalog.data_file import data_file
from freehold.catalog.ram import available_bytes
from freehold.errors import FreeholdError
from freehold.sizing.hardware import Backend, Device, Hardware


@dataclass(frozen=True)
class Chip:
    """One of Apple's; the units are in data/macs.yaml. `memory_gb` has list prices in USD."""

    name: str
    gb_s: float
    cores: int
    models: tuple[str, ...]
    memory_gb: Mapping[int, float | None]
    tflops: float | None = None
    watts: float | None = None


@cache
def chips() -> Mapping[str, Chip]:
    """Every chip by its name ("M3 Ultra"), the newest first."""
    entries = data_file("macs.yaml")["chips"]
    return MappingProxyType(
        {
            name: Chip(name, **{**entry, "models": tuple(entry["models"])})
            for name, entry in entries.items()
        }
    )


def wired_limit_bytes(ram_bytes: int) -> int:
    """What the GPU may wire of the memory while iogpu.wired_limit_mb is 0 (macs.yaml says how)."""
    data = data_file("macs.yaml")
    is_small = ram_bytes < data["small_below_gb"] << 30
    return int(ram_bytes * data["gpu_share_small" if is_small else "gpu_share"])


def mac_named(text: str, place: str) -> Hardware | None:
    """The Mac of that model, chip and GB, in any order; None where `text` names no Mac.

    The newest chip with that memory is taken where none is named. Raises FreeholdError for a
    chip or an amount of memory that is not catalogued.
    """
    words = text.lower()
    model = re.search(r"\bmac(?:book)?(?: ?(?:pro|studio|mini))?\b", words)
    chip = re.search(r"\bm\d+ ?(ultra|max|pro)?\b", words)
    if model is None and chip is None:
        return None
    fitting = [
        known
        for known in chips().values()
        if (chip is None or _key(known.name) == _key(chip[0]))
        and (model is None or any(_key(name).startswith(_key(model[0])) for name in known.models))
    ]
    sizes = {int(size) for size in re.findall(r"(?<![\w.])\d+(?= ?(?:gi?b)?\b)", words)}
    for known in fitting:
        if len(sizes) == 1 and sizes <= set(known.memory_gb):
            guessed = () if chip else (f"chip: {known.name}, the newest with that memory",)
            return mac_hardware(known.name, sizes.pop(), text, guessed)
    offers = [f"{c.models[0]} {c.name} {'|'.join(map(str, c.memory_gb))}" for c in chips().values()]
    raise FreeholdError.of(
        place,
        f'expected a Mac of the catalogue and its memory in GB, got "{text}"',
        f"known: {'; '.join(offers)}",
    )


def mac_hardware(
    chip_name: str, memory_gb: float, name: str, guessed: tuple[str, ...] = ()
) -> Hardware:
    """A machine with that chip, its largest GPU and a wired limit that nobody has raised.

    For a chip that is not catalogued bandwidth and arithmetic are None.
    """
    chip = chips().get(chip_name)
    ram_bytes = int(memory_gb * (1 << 30))
    bandwidth = chip.gb_s * 1e9 if chip else None
    device = Device(
        name=f"{Backend.METAL}0",
        model=f"Apple {chip_name}",
        memory_bytes=wired_limit_bytes(ram_bytes),
        bandwidth_bytes_per_s=bandwidth,
        link_bytes_per_s=bandwidth,
        backend=Backend.METAL,
        tflops=chip.tflops if chip else None,
    )
    disk_mb_s = data_file("macs.yaml")["disk_read_mb_s"]
    return Hardware(
        name=name,
        devices=(device,),
        ram_bytes=ram_bytes,
        ram_available_bytes=available_bytes(memory_gb),
        ram_bandwidth_bytes_per_s=bandwidth,
        cores=chip.cores if chip else 1,
        arch="arm64",
        disk_read_bytes_per_s=disk_mb_s * 1e6,
        is_unified=True,
        watts=chip.watts if chip else None,
        purchase_usd=chip.memory_gb.get(int(memory_gb)) if chip else None,
        guessed=(*guessed, f"disk: {disk_mb_s} MB/s, as built-in SSDs read"),
    )


def _key(name: str) -> str:
    return name.lower().replace(" ", "")
