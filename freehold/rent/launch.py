"""An instance for a lease: the one that is there already, else the first offer that AWS takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from freehold.rent.attempt import Made, attempt
from freehold.rent.aws import Aws
from freehold.rent.book import LeaseBook, utc_now
from freehold.rent.image import Image, find_image
from freehold.rent.launched import CancelledError, Launched, LeaseOverError
from freehold.rent.lease import Lease, Offer
from freehold.rent.no_capacity import NoCapacityError, Refusal, label
from freehold.rent.record import Record
from freehold.rent.run_instances import Wanted
from freehold.rent.running import running
from freehold.rent.schedule import require_schedule
from freehold.rent.taken_up import taken_up
from freehold.rent.terms import Clock, Terms
from freehold.rent.tries import REFUSED_FOR_NOW, Try, generation_of, next_try, open_tries

__all__ = ["Launched", "Wanted", "launch"]

NOT_WANTED = "NotWanted"
"""Our own code for an offer in a region that the stack has given up since it was made."""
MINUTE = timedelta(minutes=1)


def launch(
    aws: Aws,
    book: LeaseBook,
    lease: Lease,
    wanted: Wanted,
    say: Callable[[str], None],
    *,
    clock: Clock = utc_now,
    pause: Callable[[float], None] = time.sleep,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Launched:
    """The lease's instance, running. To call it again after any interruption is always right.

    1. A lease that is over launches nothing: LeaseOverError, before any call.
    2. What an earlier launch made is taken up again, found by the lease's tag in every region
       that was or may be tried; what cannot be is an OrphanError.
    3. A try that was interrupted is repeated with its own client token, so that AWS answers with
       the instance that it made, if it did.
    4. The offers are tried in their order, each noted in the ledger before AWS hears of it and
       after it has answered; a refusal for lack of capacity or quota leads to the next.

    Raises NoCapacityError when all are refused, AwsError for what stops at once, UnfinishedError
    (with the id) where the instance is made but does not run, CancelledError between two tries.
    """
    terms = Terms(aws, book, lease, wanted, say, clock, pause, is_cancelled)
    found = taken_up(terms, _record(terms))
    if found is not None:
        up = running(terms, found.region, found.instance_id, is_adopted=True)
        if isinstance(up, Launched):
            return up
    return _first_taken(terms)


def _first_taken(terms: Terms) -> Launched:
    began_at = terms.clock()
    images: dict[str, Image] = {}
    refusals: list[Refusal] = []
    queue: list[Try | Offer] = [*_interrupted(terms), *terms.lease.offers]
    for place, entry in enumerate(queue):
        offer = entry.offer if isinstance(entry, Try) else entry
        if isinstance(entry, Offer) and _is_refused(offer, refusals):
            continue
        answer = _tried(terms, entry, images)
        if isinstance(answer, Made):
            terms.say(f"{label(offer)}: {answer.instance_id} is made")
            up = running(terms, offer.region, answer.instance_id, is_adopted=False)
            if isinstance(up, Launched):
                return up
            answer = Refusal(offer, up, f"{answer.instance_id} ended as it began: {up}")
        refusals.append(answer)
        following = (e.offer if isinstance(e, Try) else e for e in queue[place + 1 :])
        after = next((e for e in following if not _is_refused(e, refusals)), None)
        terms.say(f"{answer}; " + (f"next: {label(after)}" if after else "no other offer is left"))
    took_s = (terms.clock() - began_at).total_seconds()
    raise NoCapacityError.refused(terms.wanted.name, refusals, took_s)


def _tried(terms: Terms, entry: Try | Offer, images: dict[str, Image]) -> Made | Refusal:
    """One try, with all that must be so before it."""
    offer = entry.offer if isinstance(entry, Try) else entry
    region, wanted = offer.region, terms.wanted
    if region not in wanted.groups:
        return Refusal(offer, NOT_WANTED, "the stack has given up this region")
    if terms.is_cancelled():
        raise CancelledError.of(wanted.name, "cancelled before the next try: nothing is rented")
    record = _record(terms)
    if region not in images:
        earliest, latest = record.deadline - MINUTE, record.deadline_at_most
        require_schedule(
            terms.aws,
            region,
            wanted.schedules[region],
            terms.lease.token,
            earliest,
            latest,
            terms.pause,
        )
        images[region] = find_image(terms.aws, region, wanted.image)
    own = entry if isinstance(entry, Try) else next_try(record, wanted.generation, entry)
    return attempt(terms, own, images[region], record.deadline)


def _record(terms: Terms) -> Record:
    """The lease as the ledger has it now. Raises LeaseOverError where its time is up."""
    record = terms.book.record(terms.lease.token)
    if record.is_over(terms.clock()):
        raise LeaseOverError.passed(terms.wanted.name, record)
    return record


def _interrupted(terms: Terms) -> tuple[Try, ...]:
    """Tries without an answer, of what is wanted still."""
    return tuple(
        own
        for own in open_tries(_record(terms))
        if generation_of(own.client_token) == terms.wanted.generation
    )


def _is_refused(offer: Offer, refusals: list[Refusal]) -> bool:
    return any(each.offer == offer and each.code in REFUSED_FOR_NOW for each in refusals)
