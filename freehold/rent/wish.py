"""What a stack would rent: where, which types, bought how, until when and for how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from freehold.rent.lease import Market
from freehold.spec.rented import Rented


@dataclass(frozen=True)
class Wish:
    """The part of `freehold:rented` that decides what may be tried; orders are the stack's.

    `zones` and `types` are () where all may be tried. `hours` is how long the lease lasts,
    `budget_usd` what all leases of the stack together may cost, `root_gib` the root disk's size.
    """

    regions: tuple[str, ...]
    hours: float
    zones: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    markets: tuple[Market, ...] = (Market.ON_DEMAND,)
    reservation: str | None = None
    budget_usd: float | None = None
    root_gib: int = 100

    @classmethod
    def of(cls, rented: Rented) -> Wish:
        """What the stack's keys ask for."""
        return cls(
            regions=rented.regions,
            hours=float(rented.hours),
            zones=rented.zones,
            types=rented.types,
            markets=tuple(Market(word) for word in rented.markets),
            reservation=rented.reservation,
            budget_usd=None if rented.budget_usd is None else float(rented.budget_usd),
            root_gib=rented.root_gib,
        )

    @property
    def lasts(self) -> timedelta:
        """From the moment that it is written down."""
        return timedelta(hours=self.hours)

    def zones_in(self, region: str) -> tuple[str, ...]:
        """Those of its zones that are the region's, in its order."""
        return tuple(zone for zone in self.zones if zone[:-1] == region)

    def to_dict(self) -> dict[str, Any]:
        """As a resource's properties have it: lists, numbers and words."""
        found = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }
        found["markets"] = [market.value for market in self.markets]
        return found

    @classmethod
    def of_dict(cls, data: Mapping[str, Any]) -> Wish:
        """Of `to_dict`, also where every number has become a float."""
        budget = data.get("budget_usd")
        return cls(
            regions=tuple(data["regions"]),
            hours=float(data["hours"]),
            zones=tuple(data["zones"]),
            types=tuple(data["types"]),
            markets=tuple(Market(word) for word in data["markets"]),
            reservation=data.get("reservation"),
            budget_usd=None if budget is None else float(budget),
            root_gib=int(data["root_gib"]),
        )
