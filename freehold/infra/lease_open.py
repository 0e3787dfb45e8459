"""The open lease of a stack that an earlier `up` did not finish: gone on with, or named."""

from __future__ import annotations

from collections.abc import Iterable

from freehold.errors import FreeholdError, Problem
from freehold.infra.renting import Renting
from freehold.rent.book import Act, LeaseBook, utc_now
from freehold.rent.end import Ended, command_to_end
from freehold.rent.lease import time_text
from freehold.rent.record import Record
from freehold.rent.settle import claims_of, settle


class UnfinishedLeaseError(FreeholdError):
    """What an earlier lease of the stack made still bills: no other is begun beside it."""


def unfinished(
    renting: Renting, urn: str, book: LeaseBook, stack: str, root_gib: int
) -> Record | None:
    """The lease to go on with; None where another may be begun, once those before are closed.

    Raises UnfinishedLeaseError naming every instance of a lease that is over, or of a second one,
    with the one command that ends it.
    """
    say, now = renting.say(urn), utc_now()

    def ended(seen: Ended) -> None:
        say(f"{seen.instance_id} in {seen.region} has ended: {seen.cause}")
        renting.keeping.ended(urn, seen.instance_id, claims_of(seen))

    records = [
        settle(book, renting.aws, record, root_gib, ended, renting.pause)
        for record in book.open_records(stack)
    ]
    usable = [each for each in records if not (each.is_over(now) or each.is_ending)]
    others = [each for each in records if each not in usable[:1]]
    if billing := [record for record in others if record.live]:
        raise UnfinishedLeaseError(_problems(billing))
    for record in others:
        cost_usd = round(record.cost_usd(now), 4)
        book.note(record.lease.token, Act.CLOSED, usd=cost_usd, why="its instances have ended")
        say(f"lease {record.lease.token}, until {time_text(record.deadline)}: closed")
    if not usable:
        return None
    lease = usable[0].lease
    say(
        f"goes on with lease {lease.token}, begun {time_text(lease.made_at)} by {lease.who}, "
        f"until {time_text(usable[0].deadline)}"
    )
    return usable[0]


def _problems(records: Iterable[Record]) -> list[Problem]:
    return [
        Problem(
            f"{rental.region}: {rental.instance_id}",
            f"{rental.type}, {rental.usd_per_hour:.2f} USD/h, bills under lease "
            f"{record.lease.token}, until {time_text(record.deadline)}",
            f"{command_to_end(rental.region, rental.instance_id)}, then pulumi up",
        )
        for record in records
        for rental in record.live
    ]
