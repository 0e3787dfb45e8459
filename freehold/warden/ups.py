"""A UPS, asked through NUT."""

from __future__ import annotations

from typing import Optional

from freehold.warden.policy import Supply
from freehold.warden.run import AskError, ask

TIMEOUT_S = 5.0


def supply(name: str, charge_min_percent: float) -> Optional[Supply]:
    """As `upsc NAME` tells it. Raises AskError where it does not.

    Source: NUT's developer guide, "Variables": ups.status has OL on mains, OB on battery, LB when
    the battery is low.
    """
    values = dict(
        line.split(": ", 1) for line in ask(["upsc", name], TIMEOUT_S).splitlines() if ": " in line
    )
    status = values.get("ups.status", "").split()
    if not {"OL", "OB"} & set(status):
        raise AskError(f"upsc: expected a status with OL or OB, got {' '.join(status)!r:.60}")
    try:
        charge = float(values.get("battery.charge", "100"))
    except ValueError:
        charge = 100.0
    return Supply("OB" in status, "LB" in status or charge < charge_min_percent)
