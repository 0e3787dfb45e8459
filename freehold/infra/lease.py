"""The lease of a rented node as a resource: it comes before all that is rented, and goes last."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from freehold.custody.ledger import who
from freehold.errors import FreeholdError
from freehold.infra.lease_end import end_lease
from freehold.infra.lease_open import unfinished
from freehold.infra.lifecycle import Found
from freehold.infra.quoting import offers_of, offers_told
from freehold.infra.rearming import rearm_node
from freehold.infra.renting import Renting
from freehold.infra.values import UNKNOWN, Properties
from freehold.rent.book import LeaseBook, utc_now
from freehold.rent.book_error import LeaseBookError
from freehold.rent.lease import Lease, new_token, time_text
from freehold.rent.record import Record
from freehold.rent.renew import renew
from freehold.rent.rental import HOUR_S
from freehold.weights.objects import StoreError

OPEN, OVER = "open", "over"
_CHOICE = ("regions", "zones", "types", "markets", "reservation")
TOLD = ("token", "name", "deadline", "tags", "offers")


class LeaseResource:
    """Its `state` is "open" among the wanted inputs; one that is over is replaced."""

    def __init__(self, renting: Renting) -> None:
        self._renting = renting

    def preview(self, urn: str, inputs: Properties, old: Properties) -> Properties:
        """See Resource.preview. Raises already here what would stop an `up`: quota, budget, and
        what is offered nowhere; by calls of AWS that read alone."""
        if old:
            renewed = {"deadline": UNKNOWN, "tags": UNKNOWN} if _hours_more(inputs, old) else {}
            self._expect(inputs, old["offers"])
            return {**inputs, **{name: old[name] for name in TOLD}, **renewed}
        store = self._renting.keeping.open_store()
        book, now = LeaseBook(store.objects), utc_now()
        spent_usd = book.spent_usd(inputs["stack"], now)
        offers = offers_of(self._renting.aws, inputs, store, spent_usd, now, self._renting.say(urn))
        told = offers_told(offers)
        self._expect(inputs, told)
        return {**inputs, **dict.fromkeys(TOLD, UNKNOWN), "offers": told}

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """The intent, in the ledger before anything exists; an open one is gone on with."""
        renting, say = self._renting, self._renting.say(urn)
        store = renting.keeping.open_store()
        book, now = LeaseBook(store.objects), utc_now()
        stack, wish = inputs["stack"], inputs["wish"]
        record = unfinished(renting, urn, book, stack, wish["root_gib"])
        if record is None:
            spent_usd = book.spent_usd(stack, now)
            lease = Lease(
                token=new_token(),
                stack=stack,
                ledger=book.ledger_id(),
                who=who(),
                made_at=now.replace(microsecond=0),
                deadline=_deadline(now, inputs),
                budget_usd=wish.get("budget_usd"),
                offers=offers_of(renting.aws, inputs, store, spent_usd, now, say),
            )
            record = book.begin(lease)
            say(f"lease {lease.token} until {time_text(lease.deadline)}, noted in {book.place}")
        return record.lease.token, {**inputs, **_told(record)}

    def read(self, inputs: Properties, outputs: Properties) -> Found:
        """Of the ledger; where that cannot be reached it is as the state has it, so that a
        `destroy` ends what bills all the same."""
        try:
            record = self._renting.book().record(outputs["token"])
        except (StoreError, LeaseBookError) as error:
            self._renting.say("")(f"the ledger of leases was not asked: {error}")
            return Found(inputs or outputs, outputs)
        is_over = record.is_closed or record.is_ending or record.is_over(utc_now())
        found = {**(inputs or outputs), "state": OVER if is_over else OPEN}
        return Found(found, {**found, **_told(record), "offers": outputs["offers"]})

    def update(self, urn: str, inputs: Properties, old: Properties) -> Properties:
        """More hours renew it; another choice of what may be rented holds from the next instance
        on."""
        renting, say = self._renting, self._renting.say(urn)
        store = renting.keeping.open_store()
        book, now = LeaseBook(store.objects), utc_now()
        record = book.record(old["token"])
        offers = old["offers"]
        if any(inputs["wish"].get(key) != old["wish"].get(key) for key in _CHOICE):
            spent_usd = book.spent_usd(inputs["stack"], now)
            offers = offers_told(offers_of(renting.aws, inputs, store, spent_usd, now, say))
        if inputs["wish"]["hours"] != old["wish"]["hours"]:
            self._renew(urn, book, record, inputs)
        return {**inputs, **_told(book.record(old["token"])), "offers": offers}

    def delete(self, urn: str, outputs: Properties) -> None:
        """Sweeps what bears the token, looks everywhere, and closes the ledger with the cost."""
        end_lease(self._renting, urn, outputs)

    def _renew(self, urn: str, book: LeaseBook, record: Record, inputs: Properties) -> None:
        renting, wish = self._renting, inputs["wish"]
        until = _deadline(record.lease.made_at, inputs)
        if until <= record.deadline:
            renting.say(urn)(f"its deadline stays {time_text(record.deadline)}: it is none sooner")
        elif not record.live:
            raise FreeholdError.of(
                f"lease {record.lease.token}",
                "expected an instance that runs: nothing can be renewed",
                "pulumi destroy closes it, then pulumi up begins another with other hours",
            )
        for _ in range(2):  # one that was begun before is finished first
            record = book.record(record.lease.token)
            if until <= record.deadline:
                break
            renew(
                book,
                renting.aws,
                record.lease.token,
                (until - record.deadline).total_seconds() / HOUR_S,
                utc_now(),
                renting.say(urn),
                rearm=partial(rearm_node, renting.sessions, record, inputs),
                budget_usd=wish.get("budget_usd"),
            )

    def _expect(self, inputs: Properties, offers: list[Properties]) -> None:
        if offers:
            self._renting.likely.expect(inputs["node"], offers[0]["instance_type"])


def _told(record: Record) -> Properties:
    lease = record.lease
    return {
        "token": lease.token,
        "name": lease.name,
        "deadline": time_text(record.deadline),
        "tags": lease.tags(record.deadline),
        "offers": offers_told(lease.offers),
    }


def _deadline(since: datetime, inputs: Properties) -> datetime:
    return (since + timedelta(hours=inputs["wish"]["hours"])).replace(microsecond=0)


def _hours_more(inputs: Properties, old: Properties) -> bool:
    return bool(inputs["wish"]["hours"] > old["wish"]["hours"])
