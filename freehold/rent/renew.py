"""A later deadline for a lease: within the budget, in the ledger, and then in every switch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta

from freehold.errors import FreeholdError
from freehold.rent.aws import Aws
from freehold.rent.blocks import ENDED_BEFORE, reservation
from freehold.rent.book import LeaseBook
from freehold.rent.book_error import MovedOnError
from freehold.rent.budget import require_affordable
from freehold.rent.lease import Market, time_text
from freehold.rent.live import live
from freehold.rent.note import Act
from freehold.rent.record import Record
from freehold.rent.rental import Rental
from freehold.rent.switches import move_schedule, move_tag, schedules


class RenewError(FreeholdError):
    """There is nothing that could be renewed."""


def renew(
    book: LeaseBook,
    aws: Aws,
    token: str,
    hours: float,
    now: datetime,
    on_step: Callable[[str], None],
    *,
    rearm: Callable[[datetime], None],
    budget_usd: float | None,
) -> datetime:
    """Give a lease so many hours more; the new deadline. `rearm` moves that of the node's own
    switch, and raises FreeholdError where it cannot; `budget_usd` is the stack's now.

    The order, and why a crash anywhere in it harms nobody. RENEWING is noted first: had a switch
    been moved before, a crash would leave one that fires later than the ledger, by which the budget
    is counted, allows. From then on the budget holds the later deadline, and a second renewal
    counts from there. RENEWED is noted last, when every switch has the new deadline: until then
    the earliest of them ends the instance, so the ledger's `deadline` stays the old one, and
    `fab lease.list` says that a renewal was begun and not finished. To renew again finishes that
    one and adds nothing to it. Another's note in between means that a still later deadline may be
    due: the record is read again and the switches are moved to what it says.

    Schedules are moved in the regions in which an instance is: elsewhere they end nothing. Raises
    RenewError, OverBudgetError, AwsError, LeaseBookError.
    """
    record = _renewable(book.record(token), now)
    names = _schedules(aws, record)
    record = _begin(book, aws, record, hours, now, on_step, budget_usd)
    while True:
        deadline = record.deadline_at_most
        for region, name in names:
            move_schedule(aws, region, name, deadline)
            on_step(f"schedule {name} in {region}: {time_text(deadline)}")
        for rental in record.live:
            move_tag(aws, rental, deadline)
            on_step(f"tag of {rental.instance_id}: {time_text(deadline)}")
        rearm(deadline)
        on_step(f"the node's own switch: {time_text(deadline)}")
        with contextlib.suppress(MovedOnError):
            book.append(record, Act.RENEWED, deadline=deadline)
        # Read again also after a success: of two who renew in one second the notes are the same,
        # and each takes the other's for its own.
        record = book.record(token)
        if record.deadline == record.deadline_at_most == deadline:
            return deadline


def _renewable(record: Record, now: datetime) -> Record:
    """The record, if its instance may go on. Raises RenewError."""
    token, deadline = record.lease.token, time_text(record.deadline)
    ended = [rental.ended_at for rental in record.instances if rental.ended_at is not None]
    hint = f"fab lease.show --token {token}"
    if record.is_closed or record.is_ending:
        why = "it is closed" if record.is_closed else "its teardown has begun"
    elif record.is_over(now) and record.live:
        why = f"its deadline {deadline} has passed, and its switches end {_named(record.live)}"
        hint = "fab lease.reap ends it now; pulumi up rents anew once the lease is closed"
    elif record.live:
        return record
    elif ended:
        why = f"its instance ended at {time_text(max(ended))}"
        hint = "pulumi destroy closes it, then pulumi up rents anew"
    else:
        why = "nothing was made under it yet"
    raise RenewError.of(f"lease {token}", f"expected one that runs: {why}", hint)


def _begin(
    book: LeaseBook,
    aws: Aws,
    record: Record,
    hours: float,
    now: datetime,
    on_step: Callable[[str], None],
    budget_usd: float | None,
) -> Record:
    """The record with a renewal begun; one that was begun before is gone on with."""
    while record.renewing is None:
        deadline = (record.deadline + timedelta(hours=hours)).replace(microsecond=0)
        _require_there(aws, record, deadline)
        spent_usd = book.spent_usd(record.lease.stack, now)
        require_affordable(record, deadline, budget_usd, spent_usd, now)
        try:
            record = book.append(record, Act.RENEWING, deadline=deadline, budget_usd=budget_usd)
        except MovedOnError:
            record = _renewable(book.record(record.lease.token), now)
        else:
            on_step(f"allowed until {time_text(deadline)}")
            return record
    _require_there(aws, record, record.renewing)
    on_step(f"a renewal to {time_text(record.renewing)} was begun and not finished: it goes on")
    return record


def _require_there(aws: Aws, record: Record, deadline: datetime) -> None:
    """Raises RenewError where AWS has ended an instance, or will before the deadline."""
    token = record.lease.token
    for rental in record.live:
        if live(aws, rental.region, rental.instance_id) is None:
            raise RenewError.of(
                f"lease {token}",
                f"expected one that runs: AWS says that {rental.instance_id} has ended",
                "pulumi destroy closes it, then pulumi up rents anew",
            )
        if rental.market is Market.BLOCK:
            _require_block_until(aws, record, rental, deadline)


def _require_block_until(aws: Aws, record: Record, rental: Rental, deadline: datetime) -> None:
    bought = next((o.reservation for o in record.lease.offers if o.reservation), None)
    block = None if bought is None else reservation(aws, rental.region, bought)
    if block is not None and block.end is not None and deadline > block.end - ENDED_BEFORE:
        raise RenewError.of(
            f"lease {record.lease.token}",
            f"expected a deadline before {time_text(block.end - ENDED_BEFORE)}, when AWS begins to "
            f"end what runs in {bought}, got {time_text(deadline)}",
        )


def _schedules(aws: Aws, record: Record) -> list[tuple[str, str]]:
    """Region and name of each that ends an instance of the lease. Raises RenewError where a region
    with an instance has none: a switch that is lacking is no reason to run for longer."""
    token, found = record.lease.token, []
    for region in sorted({rental.region for rental in record.live}):
        names = schedules(aws, region, token)
        if not names:
            raise RenewError.of(
                f"{region} lease {token}",
                "expected the schedule that ends its instance, found none",
                "pulumi up makes it again",
            )
        found += [(region, name) for name in names]
    return found


def _named(rentals: tuple[Rental, ...]) -> str:
    return ", ".join(f"{rental.instance_id} in {rental.region}" for rental in rentals)
