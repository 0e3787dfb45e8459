"""The rented node of a stack, found by the ledger of leases."""

from __future__ import annotations

from dataclasses import replace

from freehold.errors import FreeholdError
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.rent.book import LeaseBook, utc_now
from freehold.rent.lease import time_text
from freehold.rent.record import Record
from freehold.rent.way import pinned_of, way_to
from freehold.spec.model import Spec
from freehold.spec.rented import Rented
from freehold.weights.open import stack_store
from playbooks.stack_id import stack_id


def rented_host(spec: Spec, rented: Rented, settings: SshSettings) -> SshHost:
    """The instance of the stack's open lease, by the host keys that were pinned when it was made.

    Raises FreeholdError where nothing is rented now, and StoreError where the ledger cannot be
    asked.
    """
    record = next(iter(LeaseBook(stack_store(spec).objects).open_records(stack_id())), None)
    if record is None:
        raise FreeholdError.of(
            rented.name, "expected a lease that runs: nothing is rented now", "pulumi up rents it"
        )
    if record.reach is None:
        raise FreeholdError.of(
            rented.name, f"expected an instance to speak to: {_how_it_is(record)}", _hint(record)
        )
    way = way_to(record.reach, rented.access, rented.ssh_key)
    return SshHost(rented.name, way.destination, replace(settings, pinned=pinned_of(way.rented)))


def _how_it_is(record: Record) -> str:
    lease = f"lease {record.lease.token}"
    if record.live:
        return f"{lease} has {record.live[0].instance_id}, whose host keys are not known yet"
    if record.is_over(utc_now()):
        return f"{lease} is over since {time_text(record.deadline)}"
    return f"{lease} has none now"


def _hint(record: Record) -> str:
    return "pulumi destroy closes it" if record.is_over(utc_now()) else "pulumi up goes on with it"
