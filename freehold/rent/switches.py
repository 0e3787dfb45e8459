"""Moving the switches that AWS holds: an instance's schedule, and the tag of its deadline."""

from __future__ import annotations

from datetime import datetime

from freehold.rent.aws import Aws, AwsError, calling
from freehold.rent.lease import NAME_PREFIX, TAG_DEADLINE, time_text
from freehold.rent.rental import Rental
from freehold.rent.schedule import TIMEZONE, expression

_KEPT = (
    "Name",
    "GroupName",
    "ScheduleExpressionTimezone",
    "Description",
    "KmsKeyArn",
    "Target",
    "FlexibleTimeWindow",
    "ActionAfterCompletion",
)
"""What UpdateSchedule wants again: what it is not given it sets back to the default (source: AWS,
EventBridge Scheduler API reference)."""


def schedules(aws: Aws, region: str, token: str) -> tuple[str, ...]:
    """The names of a lease's schedules in a region. Raises AwsError."""
    with calling(f"{region} scheduler:ListSchedules"):
        pages = aws.client("scheduler", region).get_paginator("list_schedules")
        return tuple(
            entry["Name"]
            for page in pages.paginate(NamePrefix=f"{NAME_PREFIX}{token}")
            for entry in page["Schedules"]
        )


def move_schedule(aws: Aws, region: str, name: str, deadline: datetime) -> None:
    """Let a schedule fire at `deadline`, and at no other time. Raises AwsError, also where AWS
    says afterwards that it fires at another."""
    client = aws.client("scheduler", region)
    with calling(f"{region} scheduler:GetSchedule {name}"):
        known = client.get_schedule(Name=name)
    at = expression(deadline)
    kept = {key: known[key] for key in _KEPT if known.get(key) is not None}
    kept["ScheduleExpressionTimezone"] = TIMEZONE
    with calling(f"{region} scheduler:UpdateSchedule {name}"):
        client.update_schedule(**kept, ScheduleExpression=at, State="ENABLED")
        found = client.get_schedule(Name=name)["ScheduleExpression"]
    if found != at:
        raise AwsError.of(f"{region} schedule {name}", f"expected {at}, found {found}")


def move_tag(aws: Aws, rental: Rental, deadline: datetime) -> None:
    """Let an instance's tag say `deadline`, which `fab lease.reap` goes by. What surrounds an
    instance is not reaped while that is there. Raises AwsError."""
    with calling(f"{rental.region} ec2:CreateTags {rental.instance_id}"):
        aws.client("ec2", rental.region).create_tags(
            Resources=[rental.instance_id],
            Tags=[{"Key": TAG_DEADLINE, "Value": time_text(deadline)}],
        )
