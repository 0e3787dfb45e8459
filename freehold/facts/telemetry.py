"""How a node is at one moment: load, memory, temperatures, disks, GPUs; and between two."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from freehold.facts.fact import Fact
from freehold.facts.warden import warden_script
from freehold.warden.machine import READERS_MAX

# Bits of clocks_event_reasons.active that mean slower than it could be. Idle (0x1), application
# clocks (0x2), sync boost (0x10) and display clocks (0x100) are settings. Source: nvml.h,
# nvmlClocksEventReasons.
HELD_BACK = {
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x20: "thermal, by software",
    0x40: "thermal, by hardware",
    0x80: "power brake",
}


@dataclass(frozen=True)
class Temperature:
    """`celsius` is None where the sensor cannot be believed: `why` says it."""

    name: str
    celsius: float | None
    why: str | None


@dataclass(frozen=True)
class GpuTelemetry:
    """One GPU; None is what it does not tell. `reasons` are NVML's bits."""

    index: int
    name: str
    utilization_percent: float | None
    memory_used_mib: float | None
    memory_total_mib: float | None
    celsius: float | None
    watts: float | None
    limit_watts: float | None
    sm_mhz: float | None
    memory_mhz: float | None
    reasons: int | None

    @property
    def held_back_by(self) -> tuple[str, ...]:
        """Why it is slower than it could be."""
        return tuple(name for bit, name in HELD_BACK.items() if (self.reasons or 0) & bit)


@dataclass(frozen=True)
class Reader:
    """A process and what it has read from disks since it began."""

    pid: int
    name: str
    read_bytes: int


@dataclass(frozen=True)
class Telemetry:
    """Sizes in bytes; `at_s` is the node's monotonic clock, `disk_read_bytes` count since its boot.

    `gpu_error` is what nvidia-smi said in place of an answer; None too where there is none.
    """

    at_s: float
    clock_s: float
    load: tuple[float, ...]
    threads: int
    memory_bytes: int
    memory_available_bytes: int
    swap_bytes: int
    swap_free_bytes: int
    disk_folder: str
    disk_bytes: int
    disk_free_bytes: int
    disk_read_bytes: Mapping[str, int]
    readers: tuple[Reader, ...]
    temperatures: tuple[Temperature, ...]
    gpus: tuple[GpuTelemetry, ...]
    gpu_error: str | None

    @property
    def hottest(self) -> Temperature | None:
        """Of the sensors that can be believed."""
        believed = [each for each in self.temperatures if each.celsius is not None]
        return max(believed, key=lambda each: each.celsius or 0, default=None)


@dataclass(frozen=True)
class Rates:
    """Between two moments: bytes/s of each disk that was read, and of those who read most."""

    disks: Mapping[str, float]
    readers: tuple[tuple[str, float], ...]


READERS_SHOWN = 3


def rates(before: Telemetry, after: Telemetry) -> Rates | None:
    """None where no time is between them, or the node was started again meanwhile."""
    span_s = after.at_s - before.at_s
    if span_s <= 0:
        return None
    disks = {
        name: (read - before.disk_read_bytes[name]) / span_s
        for name, read in after.disk_read_bytes.items()
        if read > before.disk_read_bytes.get(name, read)
    }
    earlier = {(each.pid, each.name): each.read_bytes for each in before.readers}
    # One that is new in a full list had read less than all that were in it.
    is_full = len(before.readers) == READERS_MAX
    least = before.readers[-1].read_bytes if is_full else 0
    readers = [
        (each.name, (each.read_bytes - earlier.get((each.pid, each.name), least)) / span_s)
        for each in after.readers
    ]
    busy = sorted((each for each in readers if each[1] > 0), key=lambda each: -each[1])
    return Rates(disks, tuple(busy[:READERS_SHOWN]))


def _parse(text: str) -> Telemetry:
    found: Any = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"expected an object, got {type(found).__name__}")
    known = {name: found[name] for name in _PLAIN}
    try:
        return Telemetry(
            **known,
            load=tuple(map(float, found["load"])),
            readers=tuple(Reader(**each) for each in found["readers"]),
            temperatures=tuple(Temperature(**each) for each in found["temperatures"]),
            gpus=tuple(map(_gpu, found["gpus"])),
        )
    except TypeError as error:
        raise ValueError(str(error)) from None


def _gpu(found: Mapping[str, Any]) -> GpuTelemetry:
    return GpuTelemetry(**{name: found[name] for name in GpuTelemetry.__dataclass_fields__})


_PLAIN = frozenset(Telemetry.__dataclass_fields__) - {"load", "readers", "temperatures", "gpus"}
TELEMETRY: Fact[Telemetry] = Fact("telemetry", warden_script("report"), _parse)
