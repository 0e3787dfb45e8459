"""How fast a machine's memory is, by its modules or by its processor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from freehold.catalog.data_file import data_file
from freehold.facts.dimms import Dimm

_AVAILABLE = 0.97  # 1.6% are the kernel's page structures; firmware and a bare system take the rest


@dataclass(frozen=True)
class Bandwidth:
    """In bytes/s, all channels together. `how` says what was assumed; "" where nothing was."""

    bytes_per_s: float
    how: str = ""


def of_channels(channels: int, mt_s: float, how: str = "") -> Bandwidth:
    """Of 64-bit channels at `mt_s` million transfers/s. Source: JEDEC JESD79-4, JESD79-5."""
    return Bandwidth(channels * mt_s * 1e6 * 8, how)


def by_modules(dimms: Sequence[Dimm], cpu_model: str, sockets: int) -> Bandwidth | None:
    """None where the modules' speed is not told.

    What the firmware calls the slots holds for no two makers, so channels are as many as there
    are modules, up to what the processor has.
    """
    speeds = [dimm.speed_mt_s for dimm in dimms if dimm.speed_mt_s is not None]
    if not dimms or len(speeds) < len(dimms):
        return None
    if dimms[0].type.startswith("LPDDR"):  # soldered: each is a channel of its own width
        return Bandwidth(min(speeds) * 1e6 * sum(dimm.width_bits for dimm in dimms) / 8)
    platform = _platform(cpu_model)
    if platform is not None:
        return of_channels(min(len(dimms), platform[0] * sockets), min(speeds))
    channels = min(len(dimms), 2 * sockets)
    how = f"{channels} channels, as {cpu_model or 'the processor'} is not catalogued"
    return of_channels(channels, min(speeds), how)


def by_processor(cpu_model: str, sockets: int) -> Bandwidth | None:
    """With every channel filled at the standard speed; None for one that is not catalogued."""
    platform = _platform(cpu_model)
    if platform is None:
        return None
    channels, mt_s = platform[0] * sockets, platform[1]
    return of_channels(
        channels, mt_s, f"all {channels} channels of {cpu_model} filled, {mt_s} MT/s"
    )


def available_bytes(ram_gib: float) -> int:
    """What of modules of `ram_gib` is free on a machine that does nothing else."""
    return int(ram_gib * _AVAILABLE * (1 << 30))


def _platform(cpu_model: str) -> tuple[int, int] | None:
    """Channels of one socket, and their highest standard speed in MT/s."""
    name = re.sub(r"\((R|TM)\)", "", cpu_model)
    for entry in data_file("cpus.yaml")["cpus"]:
        if re.search(entry["pattern"], name):
            return entry["channels"], entry["mt_s"]
    return None
