"""What a launch is given, from the inputs of the instance's resource and its lease's record."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from freehold.errors import FreeholdError, Problem
from freehold.infra.quoting import offers_known
from freehold.infra.values import Properties
from freehold.rent.book import LeaseBook, utc_now
from freehold.rent.budget import allowed
from freehold.rent.lease import Lease
from freehold.rent.record import Record
from freehold.rent.rental import HOUR_S
from freehold.rent.run_instances import Wanted
from freehold.rent.user_data import user_data

_MAKES_ANOTHER = ("image", "root_gib", "user", "public_key")
"""An instance that was made with others of these is not taken up again."""


def wanted_of(book: LeaseBook, record: Record, inputs: Properties, replaces: str | None) -> Wanted:
    """The user data has the deadline of the record, which a renewal may have moved."""
    text = json.dumps([inputs[name] for name in _MAKES_ANOTHER])
    return Wanted(
        name=inputs["node"],
        groups=inputs["groups"],
        keys=inputs["keys"],
        profile=inputs["profile"],
        schedules=inputs["schedules"],
        user_data=user_data(record.deadline, record.lease.made_at, inputs.get("idle_minutes")),
        root_gib=inputs["root_gib"],
        image=inputs["image"],
        generation=hashlib.sha256(text.encode()).hexdigest()[:12],
        replaces=replaces,
        spot_max_usd_per_hour=_spot_max_usd_per_hour(book, record, inputs),
    )


def affordable(book: LeaseBook, record: Record, inputs: Properties) -> Lease:
    """The lease with those of its offers that the budget still allows until the deadline.

    Raises FreeholdError with a reason for each where there is none.
    """
    kept, reasons = allowed(
        offers_known(inputs["offers"]),
        _hours_left(record),
        inputs.get("budget_usd"),
        book.spent_usd(record.lease.stack, utc_now()),
        inputs["root_gib"],
    )
    if not kept:
        hint = "freehold:rented.budget_usd, or fewer hours"
        raise FreeholdError(Problem(inputs["node"], reason, hint) for reason in reasons)
    return replace(record.lease, offers=kept)


def _spot_max_usd_per_hour(book: LeaseBook, record: Record, inputs: Properties) -> float | None:
    """A spot price that rises is not to pass the budget."""
    if (budget_usd := inputs.get("budget_usd")) is None:
        return None
    left_usd = budget_usd - book.spent_usd(record.lease.stack, utc_now())
    hours = max(_hours_left(record), 1 / 60)  # a lease that is over launches nothing in any case
    return float(left_usd / hours)


def _hours_left(record: Record) -> float:
    return (record.deadline - utc_now()).total_seconds() / HOUR_S
