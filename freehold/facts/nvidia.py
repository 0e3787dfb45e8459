"""What nvidia-smi says of its GPUs, and who holds their memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NvidiaGpu:
    """One GPU, in the order of nvidia-smi (that of PCI). Sizes in bytes; None where it says N/A.

    `memory_bytes` is the board's; of it a program can get `used_bytes` + `free_bytes`, the driver
    keeps the rest. Of what is used, `own_bytes` is held by our unit's main process, None where
    the driver does not say how much that is; the rest are others'.
    """

    index: int
    name: str
    uuid: str
    memory_bytes: int | None
    used_bytes: int | None
    free_bytes: int | None
    own_bytes: int | None
    compute_capability: str | None
    pcie_gen: int | None
    pcie_lanes: int | None
    power_limit_watts: float | None
    is_split: bool
    """Whether MIG has divided it: programs then see its parts, not the whole."""

    @property
    def usable_bytes(self) -> int | None:
        """What the engine sees as the total (cudaMemGetInfo)."""
        if self.used_bytes is None or self.free_bytes is None:
            return self.memory_bytes
        return self.used_bytes + self.free_bytes

    @property
    def foreign_bytes(self) -> int:
        """What programs other than our own hold."""
        return (self.used_bytes or 0) - (self.own_bytes or 0)


def read_gpus(
    lines: Sequence[str], apps: Sequence[str], own_pid: str | None
) -> tuple[NvidiaGpu, ...]:
    """The GPUs from the lines of --query-gpu, and of --query-compute-apps (hardware.sh's fields).

    Raises ValueError for a line with other fields than were asked for.
    """
    if list(lines) in ([], ["No devices were found"]):
        return ()
    held = [_cells(line) for line in apps]
    return tuple(_gpu(_cells(line), held, own_pid) for line in lines)


def _gpu(cells: list[str], held: list[list[str]], own_pid: str | None) -> NvidiaGpu:
    index, name, uuid, total, used, free, capability, gen, lanes, watts, mig = cells
    own = [size for app_uuid, pid, size in held if (app_uuid, pid) == (uuid, own_pid)]
    sizes = [_mib(size) for size in own]
    return NvidiaGpu(
        index=int(index),
        name=name,
        uuid=uuid,
        memory_bytes=_mib(total),
        used_bytes=_mib(used),
        free_bytes=_mib(free),
        own_bytes=None if None in sizes else sum(filter(None, sizes)),
        compute_capability=None if _is_absent(capability) else capability,
        pcie_gen=None if _is_absent(gen) else int(gen),
        pcie_lanes=None if _is_absent(lanes) else int(lanes),
        power_limit_watts=None if _is_absent(watts) else float(watts),
        is_split=mig == "Enabled",
    )


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split(",")]


def _is_absent(cell: str) -> bool:
    """Of "[N/A]", "N/A", "[Not Supported]", "[Insufficient Permissions]" and their like."""
    return cell.startswith("[") or cell == "N/A"


def _mib(cell: str) -> int | None:
    return None if _is_absent(cell) else int(cell) << 20
