"""What a rented machine is needed for: the model that it carries, and the task."""

from __future__ import annotations

from dataclasses import dataclass, field

from freehold.rent.wish import Wish
from freehold.sizing.model import ModelShape
from freehold.sizing.wishes import Wishes
from freehold.spec.economy import Policy

BOOT_S = 300.0
"""Taken, not measured: from the request until SSH answers and the driver is up."""

BUCKET_MBIT_PER_S = 2000.0
"""Taken, not measured, of a store in S3: what one node reads from a bucket in its own region."""

UPLINK_MBIT_PER_S = 100.0
"""Taken, not measured, of a store at home: what its line sends."""


@dataclass(frozen=True)
class Need:
    """`model` is None where a person places it on the machine: then nothing is sized.

    `weights_bytes` are to be moved from the store at `sync_mbit_per_s` (1e6 bits). The task is
    `hours` of serving or `tokens` decoded in all slots; where neither is given it is the whole
    lease. `spent_usd` is what the stack's other leases have cost, `policy` the stack's.
    """

    model: ModelShape | None
    wishes: Wishes
    weights_bytes: int
    sync_mbit_per_s: float
    hours: float | None = None
    tokens: float | None = None
    spent_usd: float = 0.0
    policy: Policy = field(default_factory=Policy)

    @property
    def is_whole_lease(self) -> bool:
        return self.hours is None and self.tokens is None

    def sync_s(self, disk_bytes_per_s: float | None) -> float:
        """Seconds until the weights are there; a disk that writes slower than the line sends
        decides."""
        line_bytes_per_s = self.sync_mbit_per_s * 1e6 / 8
        return self.weights_bytes / min(line_bytes_per_s, disk_bytes_per_s or line_bytes_per_s)

    def task_hours(self, tokens_per_s: float | None) -> float | None:
        """From the first answer to the end of the task; None where it is the whole lease, or is
        counted in tokens and no speed is known."""
        if self.tokens is None:
            return self.hours
        return self.tokens / tokens_per_s / 3600 if tokens_per_s else None

    def task_in_words(self, wish: Wish) -> str:
        """Of the table's heading."""
        if self.tokens is not None:
            return f"{self.tokens:,.0f} tokens, once it answers"
        if self.hours is not None:
            return f"{self.hours:g} h, once it answers"
        return f"the whole lease of {wish.hours:g} h"
