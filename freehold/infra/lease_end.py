"""The end of a lease: what bears its token swept, every region looked at, the ledger closed."""

from __future__ import annotations

from freehold.errors import FreeholdError, Problem
from freehold.infra.renting import Renting, uninterrupted
from freehold.infra.values import Properties
from freehold.rent.audit import Cleared, clear, lines
from freehold.rent.book import Act, LeaseBook, utc_now
from freehold.rent.book_error import LeaseBookError
from freehold.rent.record import Record
from freehold.rent.settle import SEEN_AFTER_S, claims_of, open_since, regions_of, settle
from freehold.weights.objects import StoreError


class LeftError(FreeholdError):
    """Something of the lease is left, or could be where nobody may look."""


def end_lease(renting: Renting, urn: str, outputs: Properties) -> None:
    """Raises LeftError naming what is left and why; everything else is ended by then. A ledger
    that cannot be read stops no end: its error comes after it, as the cost is not noted."""
    token, say = outputs["token"], renting.say(urn)
    try:
        book = renting.book()
        record = book.record(token)
    except (StoreError, LeaseBookError) as error:
        say(f"the ledger of leases cannot be read; what bills is ended first: {error}")
        _swept(renting, urn, token, tuple(outputs["wish"]["regions"]))
        raise
    if not (record.is_ending or record.is_closed):
        book.note(token, Act.ENDING)
    record = _settled(renting, urn, book, record, outputs)
    cleared = _swept(renting, urn, token, regions_of(record))
    waited_for = open_since(renting.aws, record)
    if waited_for is not None:
        left_s = SEEN_AFTER_S - (utc_now() - waited_for).total_seconds()
        if left_s > 0:
            say(f"a try was interrupted: what it may have made is looked for in {left_s:.0f} s")
            uninterrupted(left_s)
            cleared = _swept(renting, urn, token, regions_of(record))
    record = _settled(renting, urn, book, record, outputs)
    survey = cleared.survey
    book.note(
        token,
        Act.AUDITED,
        looked=len(survey.looked),
        unseen=[
            f"{unseen.kind or 'all'} in {unseen.region}: {unseen.why}" for unseen in survey.unseen
        ],
        left=[str(thing) for thing in survey.found],
    )
    if not record.is_closed:
        cost_usd = round(record.cost_usd(utc_now()), 2)
        book.note(token, Act.CLOSED, usd=cost_usd)
        say(f"lease {token} is closed: {cost_usd:.2f} USD, by its prices and times")


def _settled(
    renting: Renting, urn: str, book: LeaseBook, record: Record, outputs: Properties
) -> Record:
    return settle(
        book,
        renting.aws,
        record,
        outputs["wish"]["root_gib"],
        lambda ended: renting.keeping.ended(urn, ended.instance_id, claims_of(ended)),
        uninterrupted,
    )


def _swept(renting: Renting, urn: str, token: str, regions: tuple[str, ...]) -> Cleared:
    """Raises LeftError unless nothing is left."""
    cleared = clear(renting.aws, token, regions, renting.show(urn), pause=uninterrupted)
    renting.say(urn)("\n".join(lines(cleared.survey, utc_now())))
    problems = [
        Problem(f"{rest.thing}", f"left: {rest.why}", rest.hint) for rest in cleared.swept.left
    ]
    named = {rest.thing.id for rest in cleared.swept.left}
    problems += [
        Problem(f"{thing}", "left: it came while the rest was swept", "pulumi destroy again")
        for thing in cleared.survey.found
        if thing.id not in named
    ]
    problems += [
        Problem(
            f"lease {token}",
            f"{region} could not be looked at: an instance may bill there",
            f"fab lease.audit --token {token} says why",
        )
        for region in cleared.survey.blind_in(regions)
    ]
    if problems:
        raise LeftError(problems)
    return cleared
