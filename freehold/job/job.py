"""A job: where on a node it lies, where it is, and how it ended."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import StrEnum

RESULTS = "results"
"""The folder of its work that a job leaves what it found in."""
LOST = "lost"


class State(StrEnum):
    """Where a job is: PLACED is not begun yet, LOST was cut off by a restart of the node."""

    PLACED = "placed"
    RUNNING = "running"
    ENDED = "ended"
    LOST = LOST


@dataclass(frozen=True)
class Job:
    """A service of systemd, of `unit`, in a `folder` of its own: `output`, `started` and `ended`
    are written there by the unit, as root. `word` is how a person calls it."""

    unit: str
    folder: str
    word: str

    @property
    def unit_path(self) -> str:
        """In /run: it is gone with the next boot."""
        return f"/run/systemd/system/{self.unit}"

    @property
    def work(self) -> str:
        """What is the job's own, for root; the job has it by another name, which is empty to the
        rest."""
        return f"{self.folder}/closed/work"

    @property
    def results(self) -> str:
        """Where it leaves what it found."""
        return f"{self.work}/{RESULTS}"


def exit_code_of(ended: str) -> int:
    """A shell's exit code for what systemd says of an end: "exited 3", "killed TERM".

    Source: $EXIT_CODE and $EXIT_STATUS in systemd.exec(5). Raises ValueError.
    """
    code, status = ended.split()[:2]
    if code == "exited":
        return int(status)
    # The real-time ones have no names of their own: "RTMIN+3".
    name, _, more = f"SIG{status}".partition("+")
    if name not in signal.Signals.__members__:
        raise ValueError(f"expected a signal, got {status}")
    return 128 + signal.Signals[name] + int(more or 0)
