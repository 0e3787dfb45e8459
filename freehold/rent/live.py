"""Instances of a lease as AWS describes them now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from freehold.rent.aws import Aws, AwsError, calling
from freehold.rent.lease import TAG_LEASE, Market

NOT_FOUND = "InvalidInstanceID.NotFound"
_ENDED = ("shutting-down", "terminated")
_MARKETS = {"spot": Market.SPOT, "capacity-block": Market.BLOCK}
"""Source: EC2 API, Instance.instanceLifecycle; an on-demand one has none."""


@dataclass(frozen=True)
class Live:
    """An instance. `address` is its public one, else its private one, "" while it has none.

    `client_token` is what it was asked for with, `token` its lease's. `reason` is AWS's word for
    its last change of state, such as "Server.InsufficientInstanceCapacity".
    """

    instance_id: str
    region: str
    zone: str
    instance_type: str
    market: Market
    state: str
    address: str
    launched_at: datetime
    client_token: str
    token: str
    reason: str

    @property
    def has_ended(self) -> bool:
        """Whether it is not billed any more, and cannot come back."""
        return self.state in _ENDED

    @property
    def is_up(self) -> bool:
        """Whether it runs, and can be spoken to."""
        return self.state == "running" and bool(self.address)


def live(aws: Aws, region: str, instance_id: str) -> Live | None:
    """The instance; None where it has ended or never was. Raises AwsError where AWS cannot be
    asked: that is no answer."""
    found = described(aws, region, instance_id)
    return None if found is None or found.has_ended else found


def described(aws: Aws, region: str, instance_id: str) -> Live | None:
    """The same, and of one that has ended what AWS still says of it, for an hour or so."""
    try:
        return next(_described(aws, region, InstanceIds=[instance_id]), None)
    except AwsError as error:
        if error.code == NOT_FOUND:
            return None
        raise


def find(aws: Aws, regions: Iterable[str], token: str) -> tuple[Live, ...]:
    """What bears the lease's token in these regions and has not ended, the oldest first. Raises
    AwsError where a region cannot be asked."""
    return tuple(each for each in find_all(aws, regions, token) if not each.has_ended)


def find_all(aws: Aws, regions: Iterable[str], token: str) -> tuple[Live, ...]:
    """The same with those that have ended, as long as AWS knows them."""
    by_token = [{"Name": f"tag:{TAG_LEASE}", "Values": [token]}]
    found = (each for region in regions for each in _described(aws, region, Filters=by_token))
    return tuple(sorted(found, key=lambda each: (each.launched_at, each.instance_id)))


def _described(aws: Aws, region: str, **which: Any) -> Iterator[Live]:
    with calling(f"{region}: DescribeInstances"):
        pages = aws.client("ec2", region).get_paginator("describe_instances")
        groups = [group for page in pages.paginate(**which) for group in page["Reservations"]]
    return (_live(region, entry) for group in groups for entry in group["Instances"])


def _live(region: str, entry: Mapping[str, Any]) -> Live:
    tags = {tag["Key"]: tag["Value"] for tag in entry.get("Tags", ())}
    return Live(
        instance_id=entry["InstanceId"],
        region=region,
        zone=entry["Placement"]["AvailabilityZone"],
        instance_type=entry["InstanceType"],
        market=_MARKETS.get(entry.get("InstanceLifecycle", ""), Market.ON_DEMAND),
        state=entry["State"]["Name"],
        address=entry.get("PublicIpAddress") or entry.get("PrivateIpAddress") or "",
        launched_at=entry["LaunchTime"],
        client_token=entry.get("ClientToken", ""),
        token=tags.get(TAG_LEASE, ""),
        reason=(entry.get("StateReason") or {}).get("Code", ""),
    )
