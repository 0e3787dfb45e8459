"""A machine as sizing sees it: devices with memory and bandwidth, and the host around them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Backend(StrEnum):
    """Which of the engine's back ends drives a device; the value begins the device's name."""

    CUDA = "CUDA"
    VULKAN = "Vulkan"
    METAL = "MTL"
    RPC = "RPC"


@dataclass(frozen=True)
class Device:
    """One GPU, by the name that the engine gives it (`CUDA0`).

    Sizes in bytes, bandwidths in bytes/s; None where it is not known. `buffer_type` is what
    `--override-tensor` calls its memory: the same as `name`, but for RPC.
    """

    name: str
    model: str
    memory_bytes: int
    free_bytes: int | None = None
    bandwidth_bytes_per_s: float | None = None
    link_bytes_per_s: float | None = None
    """Of its way to the host's memory (PCIe)."""
    compute_capability: str | None = None
    backend: Backend = Backend.CUDA
    buffer_type: str = ""
    tflops: float | None = None
    """Dense half-precision matrix arithmetic, 1e12/s, without sparsity."""

    def __post_init__(self) -> None:
        if not self.buffer_type:
            object.__setattr__(self, "buffer_type", self.name)


@dataclass(frozen=True)
class Hardware:
    """One machine. `is_unified`: its single device shares the host's memory (Apple silicon).

    `usd_per_hour` is what it costs to rent; None for an owned one. `watts` is what it draws when
    it answers. `guessed` names what was not read but assumed.
    """

    name: str
    devices: tuple[Device, ...]
    ram_bytes: int
    ram_available_bytes: int | None = None
    ram_bandwidth_bytes_per_s: float | None = None
    cores: int = 1
    sockets: int = 1
    numa_nodes: int = 1
    arch: str = "x86_64"
    disk_read_bytes_per_s: float | None = None
    is_unified: bool = False
    usd_per_hour: float | None = None
    watts: float | None = None
    purchase_usd: float | None = None
    guessed: tuple[str, ...] = ()
