"""Capacity blocks: those for sale, and the one that was bought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from freehold.rent.aws import Aws, AwsError, calling

BOOKED_AHEAD = timedelta(weeks=8)
ENDED_BEFORE = timedelta(minutes=30)
"""AWS begins to terminate what runs in a block so long before its end (source: AWS's user guide,
Capacity Blocks)."""

_DAY_HOURS, _WEEK_HOURS, _DAYS_SINGLY, _DAYS_MOST = 24, 168, 14, 182
_NOT_THERE = frozenset(
    {"InvalidCapacityReservationId.NotFound", "InvalidCapacityReservationId.Malformed"}
)


@dataclass(frozen=True)
class Block:
    """One for sale. `usd` is paid at once for all of its `hours`, and never given back."""

    offering_id: str
    instance_type: str
    zone: str
    start: datetime
    end: datetime
    hours: int
    usd: float

    @property
    def usd_per_hour(self) -> float:
        return self.usd / self.hours

    def bought_by(self, region: str) -> str:
        """The command, which nobody but a person runs."""
        return (
            f"aws ec2 purchase-capacity-block --capacity-block-offering-id {self.offering_id} "
            f"--instance-platform Linux/UNIX --region {region}"
        )


@dataclass(frozen=True)
class Reservation:
    """The block that was bought. `available` is how many of its instances are not in use."""

    reservation_id: str
    instance_type: str
    region: str
    zone: str
    state: str
    start: datetime | None
    end: datetime | None
    available: int


def duration_hours(hours: float) -> int | None:
    """The shortest block that lasts so long: whole days up to 14, then whole weeks up to 182 days;
    None where there is none (source: AWS's user guide, Capacity Blocks)."""
    days = -(-hours // _DAY_HOURS)
    if days <= _DAYS_SINGLY:
        return max(1, int(days)) * _DAY_HOURS
    weeks = int(-(-hours // _WEEK_HOURS))
    return weeks * _WEEK_HOURS if weeks * 7 <= _DAYS_MOST else None


def blocks_for_sale(
    aws: Aws, region: str, instance_type: str, hours: float, now: datetime
) -> tuple[Block, ...]:
    """Of one instance, for at least so long, that begin in the next weeks; the earliest first.

    Raises AwsError.
    """
    duration = duration_hours(hours)
    if duration is None:
        return ()
    place = f"{region} ec2:DescribeCapacityBlockOfferings {instance_type}"
    with calling(place):
        pages = aws.client("ec2", region).get_paginator("describe_capacity_block_offerings")
        entries = [
            entry
            for page in pages.paginate(
                InstanceType=instance_type,
                InstanceCount=1,
                StartDateRange=now,
                EndDateRange=now + BOOKED_AHEAD + timedelta(hours=duration),
                CapacityDurationHours=duration,
            )
            for entry in page["CapacityBlockOfferings"]
        ]
    return tuple(sorted((_block(entry, place) for entry in entries), key=lambda each: each.start))


def reservation(aws: Aws, region: str, reservation_id: str) -> Reservation | None:
    """None where the region has none of that id. Raises AwsError."""
    place = f"{region} ec2:DescribeCapacityReservations {reservation_id}"
    try:
        with calling(place):
            answer = aws.client("ec2", region).describe_capacity_reservations(
                CapacityReservationIds=[reservation_id]
            )
    except AwsError as error:
        if error.code in _NOT_THERE:
            return None
        raise
    for entry in answer["CapacityReservations"]:
        return Reservation(
            entry["CapacityReservationId"],
            entry["InstanceType"],
            region,
            entry["AvailabilityZone"],
            entry["State"],
            entry.get("StartDate"),
            entry.get("EndDate"),
            entry["AvailableInstanceCount"],
        )
    return None


def _block(entry: dict[str, Any], place: str) -> Block:
    if entry.get("CurrencyCode", "USD") != "USD":
        raise AwsError.of(place, f"expected a price in USD, got {entry['CurrencyCode']}")
    try:
        usd = float(entry["UpfrontFee"])
    except ValueError:
        raise AwsError.of(place, f'expected a price, got "{entry["UpfrontFee"]}"') from None
    return Block(
        entry["CapacityBlockOfferingId"],
        entry["InstanceType"],
        entry["AvailabilityZone"],
        entry["StartDate"],
        entry["EndDate"],
        entry["CapacityBlockDurationHours"],
        usd,
    )
