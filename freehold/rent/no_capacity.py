"""No offer was taken: each try and why, and what else could be tried."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from freehold.errors import FreeholdError
from freehold.rent.lease import Offer

_MORE = (
    "more zones, regions, types or markets in freehold:rented, or a later hour; "
    "fab rent.quote --all lists what carries the model"
)
_QUOTA = "a higher quota of the type's family: fab rent.quote says which, and how to ask for it"
_ELSE = {
    "VcpuLimitExceeded": _QUOTA,
    "InstanceLimitExceeded": _QUOTA,
    "MaxSpotInstanceCountExceeded": _QUOTA,
    "SpotMaxPriceTooLow": "on-demand among the markets: spot costs more now than it may",
    "ReservationCapacityExceeded": "an instance may be in the capacity block already",
}


@dataclass(frozen=True)
class Refusal:
    """One try in vain: AWS's code for why, and its words."""

    offer: Offer
    code: str
    reason: str

    def __str__(self) -> str:
        return f"{label(self.offer)}: {self.reason or self.code}"


class NoCapacityError(FreeholdError):
    """Every offer was refused, in `refusals`; nothing was made."""

    refusals: tuple[Refusal, ...] = ()

    @classmethod
    def refused(cls, place: str, refusals: Sequence[Refusal], took_s: float) -> Self:
        """The error of all the tries."""
        lines = "\n".join(map(str, refusals))
        tries = "1 try" if len(refusals) == 1 else f"{len(refusals)} tries"
        error = cls.of(
            place,
            f"expected capacity, found none: {tries} in {took_s:.0f} s; nothing is rented\n{lines}",
            "what else can be tried: " + "; ".join(_hints(refusals)),
        )
        error.refusals = tuple(refusals)
        return error


def label(offer: Offer) -> str:
    """An offer in a line about a try: p5.48xlarge in us-east-1a, on-demand."""
    return f"{offer.instance_type} in {offer.zone or offer.region}, {offer.market}"


def _hints(refusals: Iterable[Refusal]) -> list[str]:
    own = [_ELSE[refusal.code] for refusal in refusals if refusal.code in _ELSE]
    return [*dict.fromkeys(own), _MORE]
