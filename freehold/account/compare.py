"""A layout and the engine's account of it side by side, as rows of a table."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.account.account import Account, DeviceAccount
from freehold.sizing.layout import Layout


@dataclass(frozen=True)
class Row:
    """What one part ("weights", "compute", "total") takes on a device, in bytes."""

    device: str
    part: str
    planned_bytes: int
    found_bytes: int

    @property
    def difference_bytes(self) -> int:
        """What the engine takes beyond the plan; negative where it takes less."""
        return self.found_bytes - self.planned_bytes


def compare_totals(layout: Layout, account: Account) -> tuple[Row, ...]:
    """Plan and account side by side, five parts and their total for each device and the host.

    What a back end takes for itself is in neither total: the engine does not account for it.
    """
    rows: list[Row] = []
    for use in layout.uses:
        found = account.device(use.device) or DeviceAccount(use.device)
        parts = (
            ("weights", use.weights_bytes, found.model_bytes),
            ("KV cache", use.kv_bytes, found.kv_bytes),
            ("indexer", use.indexer_kv_bytes, found.indexer_kv_bytes),
            ("output", use.output_buffer_bytes, found.output_bytes),
            ("compute", round(use.compute.expected), found.compute_bytes),
        )
        total = ("total", sum(p for _, p, _ in parts), sum(f for _, _, f in parts))
        rows += (Row(use.device, *part) for part in (*parts, total))
    return tuple(rows)
