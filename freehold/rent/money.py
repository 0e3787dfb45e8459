"""What an offer costs for the task, against the budget, the policy and the lease's length."""

from __future__ import annotations

import math

from freehold.rent.budget import floored
from freehold.rent.fitting import Fit
from freehold.rent.lease import Offer
from freehold.rent.need import Need
from freehold.rent.record import SLACK
from freehold.rent.rental import HOUR_S, running_usd_per_hour
from freehold.rent.row import Reason
from freehold.rent.wish import Wish


def hours_of(wish: Wish, need: Need, fit: Fit) -> float | None:
    """Hours that are paid: from the request to the end of the task. None where the task is
    counted in tokens and the speed is not known."""
    if need.is_whole_lease:
        return wish.hours
    task_hours = need.task_hours(fit.all_tokens_per_s)
    return None if task_hours is None else fit.ready_hours + task_hours


def affordable(
    offers: tuple[Offer, ...], wish: Wish, need: Need, hours: float | None
) -> tuple[tuple[Offer, ...], tuple[Reason, ...]]:
    """Those that neither budget nor policy forbids; where none is left, what forbids the first."""
    kept, forbidden = [], []
    for offer in offers:
        reasons = _forbidding(offer, wish, need, hours)
        forbidden += reasons
        if not reasons:
            kept.append(offer)
    return tuple(kept), () if kept else tuple(dict.fromkeys(forbidden[:2]))


def _forbidding(offer: Offer, wish: Wish, need: Need, hours: float | None) -> list[Reason]:
    reasons = []
    most = need.policy.max_usd_per_hour
    if most is not None and offer.usd_per_hour > most:
        reasons.append(
            Reason(
                f"freehold:policy.max_usd_per_hour is {most:.2f}, it costs {offer.usd_per_hour:.2f}"
            )
        )
    if wish.budget_usd is None or hours is None:
        return reasons
    # As the launch counts: an `up` refuses nothing for its price that its preview did not.
    left_usd = wish.budget_usd - need.spent_usd
    hourly = running_usd_per_hour(offer.market, offer.usd_per_hour, wish.root_gib)
    slack_hours = SLACK.total_seconds() / HOUR_S
    usd = hourly * (hours + slack_hours)
    if usd > left_usd:
        spent = f", {need.spent_usd:.2f} of them spent" if need.spent_usd else ""
        reasons.append(
            Reason(
                f"over budget by {usd - left_usd:.2f} USD: {hours:.2f} h may cost {usd:.2f} with "
                f"disk, address and slack, the budget is {wish.budget_usd:.2f}{spent}",
                f"it would last {floored(max(left_usd / hourly - slack_hours, 0))} h: "
                "freehold:rented.hours or budget_usd",
            )
        )
    return reasons


def timing_notes(wish: Wish, need: Need, fit: Fit, hours: float | None) -> tuple[str, ...]:
    """What the lease is too short for, as far as the times that were taken hold."""
    if need.is_whole_lease and fit.ready_hours >= wish.hours:
        return (
            f"answers after {fit.ready_hours:.1f} h, when its lease of {wish.hours:g} h has ended",
        )
    if not need.is_whole_lease and hours is not None and hours > wish.hours:
        return (f"takes freehold:rented.hours of at least {math.ceil(hours)}",)
    return ()
