"""What a lease ledger refuses, and why."""

from __future__ import annotations

from typing import Self

from freehold.errors import FreeholdError
from freehold.rent.lease import time_text
from freehold.rent.record import Record


class LeaseBookError(FreeholdError):
    """The ledger cannot be believed: something in it is missing, damaged or no note at all."""


class MovedOnError(FreeholdError):
    """Another wrote a note since the record was read: what was decided by it may not hold."""


class LeaseEndingError(FreeholdError):
    """The lease's teardown has begun: nothing more may be made under it."""


class LeaseOpenError(FreeholdError):
    """The stack has an open lease already: `record`."""

    record: Record

    @classmethod
    def with_record(cls, place: str, record: Record) -> Self:
        """The error that names it, and what bills."""
        lease = record.lease
        bills = ", ".join(f"{r.instance_id} in {r.region}" for r in record.live)
        error = cls.of(
            f"{place}/leases/{lease.token}",
            f"{lease.stack} has an open lease, until {time_text(record.deadline)}, begun by "
            f"{lease.who}: {bills or 'no instance is noted'}",
            f"fab lease.show --token {lease.token}; pulumi destroy ends it",
        )
        error.record = record
        return error
