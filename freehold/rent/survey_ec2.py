"""How each class of EC2 is looked at: the call, and where its things are in the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from freehold.catalog.instances import instances
from freehold.rent.aws import Aws
from freehold.rent.lease import TAG_LEASE
from freehold.rent.thing import Kind, Thing, lease_of, tags_of

Item = Mapping[str, Any]

FREE_STATES = frozenset({"shutting-down", "stopped", "deleting", "deleted"})
"""Of what costs nothing by itself. Source: AWS's EC2 guide, "Instance lifecycle"; the volumes of a
stopped instance are things of their own."""


@dataclass(frozen=True)
class Ec2Class:
    """`items` takes an answer apart; one in a state of `gone` is there no more."""

    call: str
    items: Callable[[Item], Iterable[Item]]
    id_key: str
    state: Callable[[Item], str] = lambda item: str(item.get("State", ""))
    detail: Callable[[Item], str] = lambda _item: ""
    gone: frozenset[str] = frozenset()
    arguments: Mapping[str, Any] = field(default_factory=dict)


def _under(key: str) -> Callable[[Item], Iterable[Item]]:
    return lambda answer: answer.get(key, ())


def _instances(answer: Item) -> Iterator[Item]:
    for reservation in answer.get("Reservations", ()):
        yield from reservation.get("Instances", ())


CLASSES: Mapping[Kind, Ec2Class] = MappingProxyType(
    {
        Kind.SPOT_REQUEST: Ec2Class(
            "describe_spot_instance_requests",
            _under("SpotInstanceRequests"),
            "SpotInstanceRequestId",
            detail=lambda item: str(item.get("LaunchSpecification", {}).get("InstanceType", "")),
            gone=frozenset({"closed", "cancelled", "failed"}),
        ),
        Kind.INSTANCE: Ec2Class(
            "describe_instances",
            _instances,
            "InstanceId",
            state=lambda item: str(item["State"]["Name"]),
            detail=lambda item: ", ".join(
                filter(None, (item.get("InstanceType"), item.get("InstanceLifecycle")))
            ),
            gone=frozenset({"terminated"}),
        ),
        Kind.INTERFACE: Ec2Class(
            "describe_network_interfaces",
            _under("NetworkInterfaces"),
            "NetworkInterfaceId",
            state=lambda item: str(item.get("Status", "")),
        ),
        Kind.VOLUME: Ec2Class(
            "describe_volumes",
            _under("Volumes"),
            "VolumeId",
            detail=lambda item: f"{item.get('Size')} GiB {item.get('VolumeType', '')}".strip(),
            gone=frozenset({"deleted"}),
        ),
        Kind.SNAPSHOT: Ec2Class(
            "describe_snapshots",
            _under("Snapshots"),
            "SnapshotId",
            detail=lambda item: f"of {item.get('VolumeSize')} GiB",
            arguments={"OwnerIds": ["self"]},
        ),
        Kind.ADDRESS: Ec2Class(
            "describe_addresses",
            _under("Addresses"),
            "AllocationId",
            state=lambda item: "associated" if item.get("AssociationId") else "free",
            detail=lambda item: str(item.get("PublicIp", "")),
        ),
        Kind.RESERVATION: Ec2Class(
            "describe_capacity_reservations",
            _under("CapacityReservations"),
            "CapacityReservationId",
            detail=lambda item: f"{item.get('TotalInstanceCount')} x {item.get('InstanceType')}",
            gone=frozenset({"expired", "cancelled", "failed", "payment-failed"}),
        ),
        Kind.GROUP: Ec2Class("describe_security_groups", _under("SecurityGroups"), "GroupId"),
        Kind.KEY: Ec2Class("describe_key_pairs", _under("KeyPairs"), "KeyPairId"),
    }
)


def look_at_ec2(aws: Aws, kind: Kind, region: str, token: str | None) -> list[Thing]:
    """What of that class bears the token, or any token. Raises what boto3 raises."""
    of_kind, client = CLASSES[kind], aws.client("ec2", region)
    asked = (
        {"Name": "tag-key", "Values": [TAG_LEASE]}
        if token is None
        else {"Name": f"tag:{TAG_LEASE}", "Values": [token]}
    )
    found = []
    for page in every_page(client, of_kind.call, Filters=[asked], **of_kind.arguments):
        for item in of_kind.items(page):
            tags = tags_of(item.get("Tags") or item.get("TagSet", ()))  # of network interfaces
            # Not left to the filter: what is found here may be deleted.
            is_ours = TAG_LEASE in tags and token in (None, tags[TAG_LEASE])
            if is_ours and of_kind.state(item) not in of_kind.gone:
                found.append(_thing(kind, of_kind, item, region, tags))
    return found


def every_page(client: Any, call: str, **arguments: Any) -> Iterator[Item]:
    """Every page of a call's answer; the one that there is of a call that has no pages."""
    if client.can_paginate(call):
        yield from client.get_paginator(call).paginate(**arguments)
    else:
        yield getattr(client, call)(**arguments)


def _thing(
    kind: Kind, of_kind: Ec2Class, item: Item, region: str, tags: Mapping[str, str]
) -> Thing:
    state = of_kind.state(item)
    bills = kind.can_bill and kind is not Kind.SPOT_REQUEST and state not in FREE_STATES
    return Thing(
        kind=kind,
        id=str(item[of_kind.id_key]),
        region=region,
        bills=bills,
        state=state,
        usd_per_hour=_usd_per_hour(kind, item) if bills else None,
        detail=of_kind.detail(item),
        **lease_of(tags),
    )


def _usd_per_hour(kind: Kind, item: Item) -> float | None:
    """The catalogue's, of an instance on demand: no other price is the same for everyone."""
    if kind is not Kind.INSTANCE or item.get("InstanceLifecycle"):
        return None
    known = instances().get(str(item.get("InstanceType")))
    return known.usd_h if known else None
