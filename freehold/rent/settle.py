"""What AWS says of a lease's instances, brought into its ledger before it decides anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from freehold.rent.aws import Aws
from freehold.rent.book import LeaseBook, utc_now
from freehold.rent.details import details_of
from freehold.rent.end import Ended, end_instance
from freehold.rent.live import Live, described, find_all
from freehold.rent.note import Act
from freehold.rent.record import Record
from freehold.rent.rental import Rental
from freehold.rent.tries import try_by

YOUNG = timedelta(minutes=10)
SEEN_AFTER_S = 60
"""How long EC2 may not describe what it has made: the launch's own patience too."""
POLL_S = 5
FORGOTTEN = "AWS knows no such instance"


def is_gone(
    aws: Aws,
    region: str,
    instance_id: str,
    pause: Callable[[float], None] = time.sleep,
    patience_s: float = 2 * POLL_S,
) -> bool:
    """Whether the instance has ended, which is for ever. One that AWS does not know is asked for
    again so long: of what was made just now it may not know yet. Raises AwsError where it cannot
    be asked."""
    waited_s = 0.0
    while (found := described(aws, region, instance_id)) is None:
        if waited_s >= patience_s:
            return True
        pause(POLL_S)
        waited_s += POLL_S
    return found.has_ended


def settle(
    book: LeaseBook,
    aws: Aws,
    record: Record,
    root_gib: int,
    on_ended: Callable[[Ended], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
) -> Record:
    """The record with what an interrupted `up` could not note: instances that were made, with root
    disks of `root_gib`, and those that have ended. `on_ended` hears of each of these once it is
    noted.

    Nothing is ended by this. Raises AwsError where a region of the lease cannot be asked.
    """
    token, now = record.lease.token, utc_now()
    noted = {rental.instance_id for rental in record.instances}
    for found in find_all(aws, regions_of(record), token):
        if found.instance_id not in noted:
            _note_made(book, record, found, root_gib)
    for rental in book.record(token).live:
        patience_s = SEEN_AFTER_S if now - rental.launched_at < YOUNG else 2 * POLL_S
        if is_gone(aws, rental.region, rental.instance_id, pause, patience_s):
            on_ended(_note_gone(book, aws, token, rental, pause))
    return book.record(token)


def note_end(book: LeaseBook, token: str, ended: Ended) -> None:
    """Note an end that was seen, once."""
    record = book.record(token)
    if any(rental.instance_id == ended.instance_id for rental in record.live):
        book.ended(token, ended.instance_id, ended.ended_at or _latest(record))


def open_since(aws: Aws, record: Record) -> datetime | None:
    """When the last try began of which nobody knows what it made; None where all are known.

    Until SEEN_AFTER_S later an instance of it may still appear.
    """
    if not record.open_tries:
        return None
    found = find_all(aws, regions_of(record), record.lease.token)
    answered = {each.client_token for each in found}
    times = [
        note.time
        for note in record.open_tries
        if note.details.get("client_token", "") not in answered
    ]
    return max(times, default=None)


def regions_of(record: Record) -> tuple[str, ...]:
    """Where the lease may have made something: of its offers, and of what was tried since."""
    tried = (note.details["region"] for note in record.notes if note.act is Act.TRIED)
    return tuple(sorted({*tried, *(offer.region for offer in record.lease.offers)}))


def claims_of(ended: Ended) -> str:
    """What of the bytes on an instance is known by its end.

    Source: EC2 User Guide, "Data protection in Amazon EC2": the keys of an encrypted instance
    store are destroyed with the instance, and cannot be recovered.
    """
    volumes = ", ".join(ended.volumes_gone)
    seen = f"its volumes were seen to be deleted: {volumes}" if volumes else "no volume was seen"
    return (
        f"{ended.instance_id} is terminated ({ended.cause}); {seen}; the keys of its instance "
        "store are destroyed with it, as AWS says"
    )


def _note_gone(
    book: LeaseBook, aws: Aws, token: str, rental: Rental, pause: Callable[[float], None]
) -> Ended:
    region, instance_id = rental.region, rental.instance_id
    ended = Ended(instance_id, region, None, FORGOTTEN)
    if described(aws, region, instance_id) is not None:
        ended = end_instance(aws, region, instance_id, lambda _: None, pause=pause)
    note_end(book, token, ended)
    return ended


def _note_made(book: LeaseBook, record: Record, found: Live, root_gib: int) -> None:
    own = try_by(record, found.client_token)
    # One that no try asked for was made by hand, and is paid for like the dearest offer.
    dearest = max(record.lease.offers, key=lambda offer: offer.usd_per_hour)
    offer = own.offer if own else dearest
    rental = Rental(
        instance_id=found.instance_id,
        region=found.region,
        zone=found.zone,
        type=found.instance_type,
        market=found.market,
        usd_per_hour=offer.usd_per_hour,
        launched_at=found.launched_at,
        root_gib=root_gib,
    )
    details = details_of(rental)
    if own:
        details["client_token"] = own.client_token
    book.note(record.lease.token, Act.MADE, **details)


def _latest(record: Record) -> datetime:
    """AWS has forgotten the instance, so when it ended is not known: as late as it could."""
    return min(utc_now(), record.deadline_at_most)
