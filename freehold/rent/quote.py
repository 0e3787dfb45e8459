"""What could be rented now, what each costs for the task, and what rules it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from freehold.catalog.instances import instances
from freehold.errors import FreeholdError, Problem
from freehold.rent.asked import OFFLINE, Unasked, asked
from freehold.rent.aws import Aws
from freehold.rent.blocks import Reservation
from freehold.rent.fitting import Fit, fitting
from freehold.rent.ground import Ground
from freehold.rent.lease import Market, Offer
from freehold.rent.machine import Machine, described, machine_of
from freehold.rent.need import Need
from freehold.rent.row import Row
from freehold.rent.rows import rows_of
from freehold.rent.sounding import Sounding, sound
from freehold.rent.wish import Wish

PLACE = "freehold:rented"


class NoOfferError(FreeholdError):
    """Nothing that the stack allows can be rented now."""


@dataclass(frozen=True)
class Quote:
    """`rows` are of the types that carry the model, the cheapest for the task first and those
    that are ruled out last; `unfit` are the types that do not. `unasked` is what AWS did not
    answer, each reason once, and how often; `notes` are what no row says."""

    wish: Wish
    need: Need
    asked_at: datetime
    rows: tuple[Row, ...]
    unfit: tuple[Fit, ...]
    unasked: tuple[tuple[Unasked, int], ...]
    is_offline: bool
    notes: tuple[str, ...] = ()

    @property
    def offers(self) -> tuple[Offer, ...]:
        """All tries, in the order of trial: the stack's markets, then its types (else the cheapest
        for the task first), then its regions, then its zones."""
        return tuple(
            offer
            for market in self.wish.markets
            for instance_type in self._types(market)
            for region in self.wish.regions
            for row in self.rows
            if (row.market, row.instance_type, row.region) == (market, instance_type, region)
            and not row.is_ruled_out
            for offer in row.offers
        )

    def required_offers(self) -> tuple[Offer, ...]:
        """The same. Raises NoOfferError with every reason where there is none."""
        if self.offers:
            return self.offers
        problems = [
            Problem(f"{PLACE}: {row}", str(reason), reason.hint)
            for row in self.rows
            for reason in row.reasons
        ]
        problems += [
            Problem(f"{PLACE}: {fit.machine.instance_type}", reason)
            for fit in self.unfit
            for reason in fit.reasons
        ]
        problems += [Problem(PLACE, note) for note in self.notes]
        raise NoOfferError(problems)

    def _types(self, market: Market) -> tuple[str, ...]:
        if self.wish.types:
            return self.wish.types
        return tuple(dict.fromkeys(r.instance_type for r in self.rows if r.market is market))


def quote(aws: Aws | None, wish: Wish, need: Need, now: datetime) -> Quote:
    """Ask AWS, by calls that read alone; `aws` None asks nobody, and prices are the catalogue's.

    Raises nothing for what AWS does not answer: the quote says it.
    """
    machines, in_vain = _machines(aws, wish)
    fits = tuple(fitting(machine, need, wish.root_gib) for machine in machines)
    carrying = tuple(fit for fit in fits if fit.carries)
    types = tuple(fit.machine.instance_type for fit in carrying)
    sounding = sound(aws, wish, types, now)
    rows = rows_of(Ground(sounding, wish, need, now), carrying)
    return Quote(
        wish,
        need,
        now,
        tuple(sorted(rows, key=lambda row: (row.is_ruled_out, *row.cost_order))),
        tuple(fit for fit in fits if not fit.carries),
        _by_reason([*in_vain, *sounding.unasked()]),
        aws is None,
        tuple(_of_reservation(sounding, wish, types)),
    )


def _of_reservation(sounding: Sounding, wish: Wish, types: tuple[str, ...]) -> Iterator[str]:
    """A block that was bought, and is in none of the rows."""
    found = sounding.reserved.values()
    if any(isinstance(each, Unasked) for each in found) or not found:
        return
    bought = [each for each in found if isinstance(each, Reservation)]
    if not bought:
        yield f"{wish.reservation} is in none of {', '.join(wish.regions)}"
    elif bought[0].instance_type not in types:
        yield f"{wish.reservation} is of {bought[0].instance_type}, which is not to be rented here"


def _machines(aws: Aws | None, wish: Wish) -> tuple[list[Machine], list[Unasked]]:
    """The wish's types, else all of the catalogue; what the catalogue lacks AWS describes."""
    known = instances()
    strangers = [name for name in wish.types if name not in known]
    found: dict[str, Machine] = {}
    in_vain: list[Unasked] = []
    for region in wish.regions:
        lacking = [name for name in strangers if name not in found]
        if aws and lacking:
            answer = asked(partial(described, aws, region, lacking))
            if isinstance(answer, Unasked):
                in_vain.append(answer)
            else:
                found |= answer
    why = "no type of the catalogue, and no region's"
    if in_vain or aws is None:
        why = f"no type of the catalogue: {in_vain[0] if in_vain else OFFLINE}"
    return [
        machine_of(known[name]) if name in known else found.get(name) or _stranger(name, why)
        for name in wish.types or known
    ], in_vain


def _stranger(name: str, why: str) -> Machine:
    return Machine(name, "not known", 0, 0.0, None, None, why)


def _by_reason(unasked: Iterable[Unasked]) -> tuple[tuple[Unasked, int], ...]:
    """The first of each reason, and how many it kept from an answer."""
    found: dict[str, list[Unasked]] = {}
    for each in unasked:
        found.setdefault(each.why, []).append(each)
    return tuple((group[0], len(group)) for group in found.values())
