"""The process that runs a box, told from a later one of the same number by its start time."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.lab.root import run_as_root


@dataclass(frozen=True)
class Process:
    """A process of this machine; `started` is in clock ticks since boot (proc(5), field 22)."""

    pid: int
    started: int

    @classmethod
    def read(cls, pid_file: Path) -> Process | None:
        """What the box's script wrote down of itself; None before it did."""
        try:
            pid, started = pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return cls(int(pid), int(started))

    def is_alive(self) -> bool:
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        # The name, in parentheses, may itself hold spaces and parentheses.
        fields = stat.rpartition(")")[2].split()
        return fields[0] not in "ZX" and int(fields[19]) == self.started

    def kill(self) -> None:
        """SIGKILL, if it is still the process that was written down."""
        if self.is_alive():
            try:
                run_as_root(f"process {self.pid}", "kill", "-KILL", str(self.pid))
            except FreeholdError:
                # It may have ended by itself in between, as what runs in it does when it is killed.
                if self.is_alive():
                    raise


def is_free(lock: Path) -> bool:
    """Whether no process holds that file's lock; one that was never made is held by none."""
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True
