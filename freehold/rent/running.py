"""Waiting until an instance runs, or until AWS has taken it back."""

from __future__ import annotations

from freehold.rent.aws import AwsError
from freehold.rent.end import end_instance
from freehold.rent.launched import Launched, UnfinishedError
from freehold.rent.live import Live, described
from freehold.rent.rental import Rental
from freehold.rent.terms import Terms

RUNS_S = 600
"""Machines of eight GPUs take minutes from pending to running."""
POLL_S = 3
CLIENT = "Client."
"""How AWS's reasons begin that another offer would not change: a disk's key, a quota of disks."""


def running(terms: Terms, region: str, instance_id: str, *, is_adopted: bool) -> Launched | str:
    """The instance once it runs; or AWS's reason where it ended before, which is noted.

    Raises UnfinishedError where it is pending for ten minutes, or the wait is cancelled: it is
    noted, and found again. Raises AwsError where it ended for a reason that any other would.
    """
    waited_s = 0
    while True:
        found = described(terms.aws, region, instance_id)  # None: not to be seen yet
        if found is not None and found.is_up:
            terms.say(f"{instance_id} in {found.zone}: running at {found.address}")
            return _launched(terms, found, is_adopted=is_adopted)
        if found is not None and found.has_ended:
            return _ended(terms, found)
        state = found.state if found else "not described"
        if terms.is_cancelled():
            raise UnfinishedError.of_instance(region, instance_id, f"cancelled: it is {state}")
        if waited_s >= RUNS_S:
            raise UnfinishedError.of_instance(
                region, instance_id, f"expected it to run within {RUNS_S // 60} min, it is {state}"
            )
        terms.pause(POLL_S)
        waited_s += POLL_S


def _launched(terms: Terms, found: Live, *, is_adopted: bool) -> Launched:
    rental = _rental(terms, found.instance_id)
    return Launched(
        instance_id=found.instance_id,
        region=found.region,
        zone=found.zone,
        instance_type=found.instance_type,
        market=rental.market,
        usd_per_hour=rental.usd_per_hour,
        address=found.address,
        launched_at=rental.launched_at,
        is_adopted=is_adopted,
    )


def _ended(terms: Terms, found: Live) -> str:
    """Its end is waited for: until then it may bill, and holds its disks."""
    ended = end_instance(
        terms.aws,
        found.region,
        found.instance_id,
        lambda state: terms.say(f"{found.instance_id} in {found.zone}: {state}"),
        clock=terms.clock,
        pause=terms.pause,
    )
    terms.book.ended(terms.lease.token, found.instance_id, ended.ended_at or terms.clock())
    reason = found.reason or ended.cause
    if reason.startswith(CLIENT):
        raise AwsError.coded(
            reason, f"{found.region}: {found.instance_id}", f"it ended as it began: {ended.cause}"
        )
    return reason


def _rental(terms: Terms, instance_id: str) -> Rental:
    """As the ledger has it: with the price that it was made for."""
    instances = terms.book.record(terms.lease.token).instances
    return next(rental for rental in instances if rental.instance_id == instance_id)
