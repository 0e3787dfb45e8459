"""An instance that was rented: what it is, since when and for how much, and what that comes to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from freehold.rent.lease import Market

BILLED_S_MIN = 60
"""An instance is billed by the second, and a minute at least.

Source: AWS, "Amazon EC2 On-Demand Pricing", per-second billing."""
GP3_USD_PER_GIB_MONTH = 0.08
"""The root disk's. Source: AWS, "Amazon EBS pricing", gp3 in us-east-1, mid-2026."""
MONTH_S = 30 * 86_400
"""As the worked examples of "Amazon EBS pricing" count a month of a disk."""
ADDRESS_USD_PER_HOUR = 0.005
"""A public IPv4 address's. Source: AWS, "Amazon VPC pricing", mid-2026."""
HOUR_S = 3600


@dataclass(frozen=True)
class Rental:
    """One instance. `ended_at` is None until AWS has said that it is terminated."""

    instance_id: str
    region: str
    zone: str
    type: str
    market: Market
    usd_per_hour: float
    launched_at: datetime
    root_gib: int = 0
    ended_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        """Whether it bills, as far as the ledger knows."""
        return self.ended_at is None


def running_usd_per_hour(market: Market, usd_per_hour: float, root_gib: int) -> float:
    """What an hour costs: the machine, and by the catalogue its root disk and public address.

    A capacity block is paid for whole when it is bought, outside of any lease, and no call of AWS
    says for how much: an instance in it costs nothing more. Tax, traffic and discounts are not
    counted.
    """
    machine = 0.0 if market is Market.BLOCK else usd_per_hour
    disk = root_gib * GP3_USD_PER_GIB_MONTH * HOUR_S / MONTH_S
    return machine + disk + ADDRESS_USD_PER_HOUR


def cost_usd(rental: Rental, at: datetime) -> float:
    """What an instance has cost until `at`, or until it ended. However clocks disagree, that is no
    less than for the least time that is billed."""
    until = at if rental.ended_at is None else rental.ended_at
    billed_s = max((until - rental.launched_at).total_seconds(), BILLED_S_MIN)
    hourly = running_usd_per_hour(rental.market, rental.usd_per_hour, rental.root_gib)
    return hourly * billed_s / HOUR_S
