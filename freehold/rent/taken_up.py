"""What earlier launches of a lease made, looked for before anything more is made."""

from __future__ import annotations

from freehold.rent.attempt import POLL_S, VISIBLE_S, note_made
from freehold.rent.launched import OrphanError
from freehold.rent.live import Live, described, find
from freehold.rent.record import Record
from freehold.rent.rental import Rental
from freehold.rent.terms import Terms
from freehold.rent.tries import generation_of, open_tries, try_by

INTERRUPTED_S = 15
"""How long what an interrupted try made is looked for: its client token finds it in any case."""


def taken_up(terms: Terms, record: Record) -> Live | None:
    """The instance to go on with, noted as MADE; None where nothing of the lease bills, but for
    the one that is to be replaced.

    Raises OrphanError where something does that is not what is wanted, or is more than one, and
    AwsError where a region that may hold one cannot be asked.
    """
    found = [each for each in _found(terms, record) if each.instance_id != terms.wanted.replaces]
    if len(found) > 1:
        raise OrphanError.of_instances(found, "is one of several under one lease")
    for each in found:
        if each.state not in ("pending", "running"):
            raise OrphanError.of_instances([each], "does not run")
        own = try_by(record, each.client_token)
        if own is None:
            raise OrphanError.of_instances([each], "no launch of this ledger made it")
        if generation_of(each.client_token) != terms.wanted.generation:
            raise OrphanError.of_instances([each], "was made for other settings than these")
        if each.instance_id not in {rental.instance_id for rental in record.instances}:
            note_made(terms, own, each.instance_id, (each.zone, each.launched_at))
        terms.say(f"{each.instance_id} in {each.zone}: made by an earlier run, taken up again")
        return each
    return None


def _found(terms: Terms, record: Record) -> list[Live]:
    interrupted = open_tries(record)
    tried = [*terms.lease.offers, *(own.offer for own in interrupted)]
    noted_in = [rental.region for rental in record.live]
    regions = list(dict.fromkeys([*(offer.region for offer in tried), *noted_in]))
    waited_s = 0
    while True:
        found = find(terms.aws, regions, terms.lease.token)
        if found or not interrupted or waited_s >= INTERRUPTED_S:
            break
        terms.pause(POLL_S)
        waited_s += POLL_S
    known = {each.instance_id for each in found}
    noted = [rental for rental in record.live if rental.instance_id not in known]
    return [*found, *(each for rental in noted if (each := _still(terms, rental)))]


def _still(terms: Terms, rental: Rental) -> Live | None:
    """A noted instance that the lease's tag does not find; noted as ended, if it is."""
    waited_s = 0
    while (there := described(terms.aws, rental.region, rental.instance_id)) is None:
        if waited_s >= VISIBLE_S:
            break
        terms.pause(POLL_S)
        waited_s += POLL_S
    if there is not None and not there.has_ended:
        return there
    terms.say(f"{rental.instance_id} in {rental.region} has ended since")
    terms.book.ended(terms.lease.token, rental.instance_id, terms.clock())
    return None
