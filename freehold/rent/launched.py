"""What a launch comes to: an instance that runs, or the error that says what there is instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from freehold.errors import FreeholdError, Problem
from freehold.rent.end import command_to_end
from freehold.rent.lease import Market, time_text
from freehold.rent.live import Live
from freehold.rent.record import Record


@dataclass(frozen=True)
class Launched:
    """An instance that runs. `address` is its public one, else its private one.

    `is_adopted` is True of one that an earlier launch made, and was interrupted.
    """

    instance_id: str
    region: str
    zone: str
    instance_type: str
    market: Market
    usd_per_hour: float
    address: str
    launched_at: datetime
    is_adopted: bool = False


class LeaseOverError(FreeholdError):
    """The lease's deadline has passed: nothing is launched under it, nor taken up again."""

    @classmethod
    def passed(cls, place: str, record: Record) -> Self:
        """The error that names what may still bill, and what ends it."""
        over = Problem(
            place,
            f"the lease {record.lease.token} is over since {time_text(record.deadline)}",
            "pulumi destroy, then pulumi up begins another",
        )
        return cls(
            [
                over,
                *(
                    Problem(
                        f"{rental.region}: {rental.instance_id}",
                        "is noted in the ledger, and not as ended",
                        command_to_end(rental.region, rental.instance_id),
                    )
                    for rental in record.live
                ),
            ]
        )


class OrphanError(FreeholdError):
    """Instances of the lease bill that no launch can take up: none is made beside them."""

    @classmethod
    def of_instances(cls, found: Iterable[Live], why: str) -> Self:
        """The error that names each, and the one command that ends it."""
        return cls(
            Problem(
                f"{each.region}: {each.instance_id}",
                f"{each.instance_type}, {each.market}, {each.state}: it bills, and {why}",
                f"{command_to_end(each.region, each.instance_id)}, then pulumi up",
            )
            for each in found
        )


class UnfinishedError(FreeholdError):
    """The instance is made, noted and bills, but does not run yet: the next launch goes on."""

    instance_id: str = ""
    region: str = ""

    @classmethod
    def of_instance(cls, region: str, instance_id: str, message: str) -> Self:
        """The error of one instance."""
        error = cls.of(
            f"{region}: {instance_id}",
            message,
            f"pulumi up goes on with it; {command_to_end(region, instance_id)} ends it",
        )
        error.instance_id, error.region = instance_id, region
        return error


class CancelledError(FreeholdError):
    """Stopped between two tries, as was asked."""
