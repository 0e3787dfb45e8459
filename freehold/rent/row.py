"""One row of a quote: a type in a region, bought in one way; what it costs, what rules it out."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.rent.asked import Unasked
from freehold.rent.blocks import Block
from freehold.rent.fitting import Fit
from freehold.rent.lease import Market, Offer
from freehold.rent.quotas import Quota
from freehold.rent.spot import SpotPrice


@dataclass(frozen=True)
class Reason:
    """What alone keeps it from being rented, and what to do about it."""

    why: str
    hint: str | None = None

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True)
class Row:
    """`offers` are its tries in their order, () where its price or its zone is not known.

    `usd_per_hour` is the first try's; None where no price is known. `hours` is from the request
    to the end of the task, `usd` what that costs: of a block all that it costs, 0 where it was
    paid for before. `spot` has the price of each zone, `notes` rule nothing out.
    """

    fit: Fit
    region: str
    market: Market
    offers: tuple[Offer, ...] = ()
    zones: tuple[str, ...] | Unasked = ()
    usd_per_hour: float | None = None
    priced_at: str = ""
    hours: float | None = None
    usd: float | None = None
    quota: Quota | Unasked | None = None
    spot: tuple[tuple[str, SpotPrice], ...] = ()
    block: Block | None = None
    reasons: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def instance_type(self) -> str:
        return self.fit.machine.instance_type

    @property
    def is_ruled_out(self) -> bool:
        return bool(self.reasons)

    @property
    def cost_order(self) -> tuple[float, float]:
        """What rows are sorted by: the task's cost, then the hour's; what is not known is last."""
        unknown = float("inf")
        return (
            unknown if self.usd is None else self.usd,
            unknown if self.usd_per_hour is None else self.usd_per_hour,
        )

    def __str__(self) -> str:
        return f"{self.instance_type} in {self.region}, {self.market}"
