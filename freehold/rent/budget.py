"""Money: what an offer or a later deadline would cost, against what a stack may spend."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from freehold.errors import FreeholdError
from freehold.rent.lease import Offer, time_text
from freehold.rent.record import SLACK, Record
from freehold.rent.rental import HOUR_S, running_usd_per_hour


class OverBudgetError(FreeholdError):
    """It would cost more than the stack may spend."""


def allowed(
    offers: Iterable[Offer],
    hours: float,
    budget_usd: float | None,
    spent_usd: float,
    root_gib: int = 0,
) -> tuple[tuple[Offer, ...], tuple[str, ...]]:
    """The offers that stay within the budget until the last switch has ended them, and a reason
    for each other; `spent_usd` is of all of the stack's leases before."""
    kept, reasons = [], []
    for offer in offers:
        reason = reason_against(offer, hours, budget_usd, spent_usd, root_gib)
        if reason is None:
            kept.append(offer)
        else:
            reasons.append(reason)
    return tuple(kept), tuple(reasons)


def reason_against(
    offer: Offer, hours: float, budget_usd: float | None, spent_usd: float, root_gib: int = 0
) -> str | None:
    """Why the budget forbids an offer, and for how long it would allow it; None where it does not.

    The slack of the switches is part of what it may cost.
    """
    if budget_usd is None:
        return None
    hourly = running_usd_per_hour(offer.market, offer.usd_per_hour, root_gib)
    slack_hours = SLACK.total_seconds() / HOUR_S
    usd = hourly * (hours + slack_hours)
    if spent_usd + usd <= budget_usd:
        return None
    hours_left = max((budget_usd - spent_usd) / hourly - slack_hours, 0)
    return (
        f"{offer}: {hours:g} h may cost {usd:.2f} USD with its disk, its address and "
        f"{_minutes(SLACK)} min of slack; of the budget of {budget_usd:.2f} USD "
        f"{spent_usd:.2f} are spent: it reaches for {floored(hours_left)} h"
    )


def require_affordable(
    record: Record, deadline: datetime, budget_usd: float | None, spent_usd: float, now: datetime
) -> None:
    """Raises OverBudgetError, saying until when the budget reaches, where the lease's instances
    may cost more than it if they last until `deadline`.

    `spent_usd` is of all of the stack's leases until now, this one's part included.
    """
    if budget_usd is None:
        return
    before_usd = spent_usd - record.cost_usd(now)
    usd = before_usd + record.cost_at_most_usd(now, deadline)
    if usd <= budget_usd:
        return
    hourly = sum(running_usd_per_hour(r.market, r.usd_per_hour, r.root_gib) for r in record.live)
    until = deadline - timedelta(hours=(usd - budget_usd) / hourly)
    until = until.replace(second=0, microsecond=0)
    if until > record.deadline:
        reach = f"it reaches until {time_text(until)}"
        hours = floored((until - record.deadline).total_seconds() / HOUR_S)
        hint = f"fab lease.renew --hours {hours}, or freehold:rented.budget_usd"
    else:
        reach = "it reaches no later than the deadline that there is"
        hint = "freehold:rented.budget_usd"
    raise OverBudgetError.of(
        f"lease {record.lease.token}",
        f"until {time_text(deadline)} the stack may cost {usd:.2f} USD, the budget is "
        f"{budget_usd:.2f}, {spent_usd:.2f} are spent: {reach}",
        hint,
    )


def floored(hours: float) -> str:
    """Hours to two places, never rounded up: what is asked for by it is affordable."""
    return f"{int(hours * 100) / 100:g}"


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() / 60)
