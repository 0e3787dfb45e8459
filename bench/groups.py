"""Control groups of a box and of a sender: what their processes cost, whoever started them."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.lab import Box
from freehold.lab.root import as_root, run_as_root


def group_of(pid: int) -> str:
    """The process's group in the one hierarchy of cgroups v2, as `/freehold-fh1234-1/loop`."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return line.removeprefix("0::")
    raise FreeholdError.of(f"process {pid}", "expected it to have a group of cgroups v2")


class Group:
    """One group with all below it; seen through the mounts of a box, which has cgroups v2."""

    def __init__(self, box_pid: int, name: str) -> None:
        self.name = name
        # This machine itself may have the groups of v1 there; every box mounts those of v2.
        self._folder = f"/proc/{box_pid}/root/sys/fs/cgroup{name}"

    @classmethod
    def of_box(cls, box: Box) -> Group:
        """That of all that a box runs, of whichever process of it."""
        pid = _pid(box)
        return cls(pid, group_of(pid).removesuffix("/loop"))

    @classmethod
    def new(cls, box: Box, name: str) -> Group:
        """Another group beside those of the boxes."""
        group = cls(_pid(box), name)
        run_as_root("bench", "mkdir", group._folder)
        return group

    def remove(self) -> None:
        """End what is left in it, and remove it."""
        self.kill()
        # A killed process leaves its group a moment later.
        wait = (
            'for _ in $(seq 100); do ! rmdir "$1" 2>/dev/null || exit 0; sleep 0.05; done; exit 1'
        )
        run_as_root("bench", "sh", "-c", wait, "sh", self._folder)

    def add(self, pid: int) -> None:
        """Move a process here; what it starts from then on is here too."""
        self._write("cgroup.procs", str(pid))

    def kill(self) -> None:
        """SIGKILL to every process of the group."""
        self._write("cgroup.kill", "1")

    def is_empty(self) -> bool:
        """Whether no process is left in it."""
        return "populated 0" in self._read("cgroup.events")

    def cpu_s(self) -> float:
        """What its processes have used since it was made, those that ended too."""
        return int(self._read("cpu.stat").split()[1]) / 1e6  # usage_usec comes first

    def _read(self, name: str) -> str:
        argv = as_root("cat", f"{self._folder}/{name}")
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    def _write(self, name: str, text: str) -> None:
        argv = as_root("tee", f"{self._folder}/{name}")
        subprocess.run(argv, input=text, text=True, capture_output=True, check=True)


def members(groups: Iterable[Group]) -> set[int]:
    """Every process of this machine that is in one of `groups`."""
    names = tuple(f"0::{group.name}" for group in groups)
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            lines = (folder / "cgroup").read_text().splitlines()
            if any(line == name or line.startswith(f"{name}/") for line in lines for name in names):
                found.add(int(folder.name))
    return found


def peak_bytes(pids: Iterable[int]) -> int:
    """The sum of the most memory that each process has held until now (VmHWM)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1]) << 10
    return total


def _pid(box: Box) -> int:
    return int((box.folder / "pid").read_text().split()[0])
