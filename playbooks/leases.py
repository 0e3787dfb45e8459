"""The leases of rented nodes, by their ledger: which there are, how they stand, and their end."""

from __future__ import annotations

import json as json_library
from functools import partial
from typing import Any

from invoke.exceptions import Exit

from freehold.custody.keeper import Keeper
from freehold.errors import FreeholdError
from freehold.rent.audit import clear, left_lines, unseen_lines
from freehold.rent.aws import Aws
from freehold.rent.book import LeaseBook, Record, utc_now
from freehold.rent.guard import rearm
from freehold.rent.lease import TOKEN, time_text
from freehold.rent.record_words import data, lines, table
from freehold.rent.renew import renew as renewed
from freehold.rent.settle import claims_of, regions_of, settle
from freehold.spec.model import Spec
from freehold.weights.open import stack_store
from playbooks.executor import task
from playbooks.nodes import stack, targets
from playbooks.options import hours_of
from playbooks.stack_id import stack_id


@task("list")
def list_all(_c: Any, json: bool = False) -> None:
    """Every lease in the store's ledger: of which stack, until when, its cost, how it stands."""
    records, now = _book(stack()).records(), utc_now()
    if json:
        print(json_library.dumps([data(record, now) for record in records], indent=2))
    else:
        print("\n".join(table(records, now)))


@task("show")
def show(_c: Any, token: str = "", json: bool = False) -> None:
    """All that is known of a lease, the stack's or --token: instances, cost, what was done."""
    record, now = _record(_book(stack()), token), utc_now()
    print(
        json_library.dumps(data(record, now), indent=2) if json else "\n".join(lines(record, now))
    )


@task("renew")
def renew(_c: Any, hours: str) -> None:
    """Give the stack's lease so many --hours more, within its budget, in every switch."""
    more, spec = hours_of("--hours", hours), stack()
    if spec.rented is None:
        raise FreeholdError.of("freehold:rented", "expected what is rented, found nothing")
    book, host = _book(spec), targets()[0].host
    try:
        deadline = renewed(
            book,
            Aws(),
            _record(book, "").lease.token,
            more,
            utc_now(),
            lambda step: print(step, flush=True),
            rearm=partial(rearm, host),
            budget_usd=spec.rented.budget_usd,
        )
    finally:
        host.close()
    print(f"renewed until {time_text(deadline)}")


@task("end")
def end(_c: Any, token: str = "") -> None:
    """End at AWS all that bears the lease's token, also where its node does not answer any more."""
    spec, aws = stack(), Aws()
    store = stack_store(spec)
    book, keeper = LeaseBook(store.objects), Keeper(lambda: store, spec.owner, print)
    record = _record(book, token)
    token = record.lease.token
    cleared = clear(aws, token, regions_of(record), lambda step: print(step, flush=True))
    root_gib = spec.rented.root_gib if spec.rented else 0
    settle(
        book,
        aws,
        record,
        root_gib,
        lambda ended: keeper.ended(ended.instance_id, claims_of(ended)),
    )
    for line in (*left_lines(cleared.swept.left), *unseen_lines(cleared.survey.unseen)):
        print(line)
    print(f"lease {token}: {len(cleared.swept.gone)} gone, {len(cleared.swept.left)} left")
    if cleared.swept.left:
        raise Exit(code=1)
    print("Hint: pulumi destroy closes it")


def _book(spec: Spec) -> LeaseBook:
    return LeaseBook(stack_store(spec).objects)


def _record(book: LeaseBook, token: str) -> Record:
    """Of that token, else the stack's own: the open one, or the last."""
    if token and not TOKEN.fullmatch(token):
        raise FreeholdError.of("--token", f'expected a lease\'s 16 digits, got "{token}"')
    if token:
        return book.record(token)
    records = book.open_records(stack_id()) or book.records_of(stack_id())
    if not records:
        raise FreeholdError.of("leases", "expected a lease of the stack, found none", "pulumi up")
    return records[-1]
