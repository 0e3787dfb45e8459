"""Capacity blocks, which moto lacks: what is for sale, and what was bought."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.aws.answer import Refusal
from tests.aws.call import Call
from tests.aws.spot_history import aware

Handler = Callable[[Call], Mapping[str, Any]]


@dataclass(frozen=True)
class ForSale:
    """One block; `usd` is for all of it."""

    instance_type: str
    zone: str
    start: datetime
    end: datetime
    usd: float

    @property
    def hours(self) -> int:
        return round((self.end - self.start).total_seconds() / 3600)


@dataclass(frozen=True)
class Bought:
    """A block of the account, delivered as a capacity reservation."""

    reservation_id: str
    instance_type: str
    zone: str
    start: datetime
    end: datetime
    state: str = "active"
    available: int = 1


def describe_capacity_block_offerings(blocks: Sequence[ForSale]) -> Handler:
    """Those of the type that begin in the asked time and last no shorter, at most by a day more."""

    def handler(call: Call) -> Mapping[str, Any]:
        asked = call.parameters
        hours = asked["CapacityDurationHours"]
        if hours % 24 or (hours > 14 * 24 and hours % 168):
            raise Refusal("InvalidParameterValue", f"no block lasts {hours} hours")
        return {
            "CapacityBlockOfferings": [
                {
                    "CapacityBlockOfferingId": f"cbo-{number:017x}",
                    "InstanceType": block.instance_type,
                    "AvailabilityZone": block.zone,
                    "InstanceCount": 1,
                    "StartDate": block.start,
                    "EndDate": block.end,
                    "CapacityBlockDurationHours": block.hours,
                    "UpfrontFee": f"{block.usd:.4f}",
                    "CurrencyCode": "USD",
                    "Tenancy": "default",
                }
                for number, block in enumerate(blocks)
                if block.instance_type == asked["InstanceType"]
                and block.zone.startswith(call.region)
                and aware(asked["StartDateRange"]) <= block.start
                and block.end <= aware(asked["EndDateRange"])
                and abs(block.hours - hours) <= 24
            ]
        }

    return handler


def describe_capacity_reservations(bought: Sequence[Bought]) -> Handler:
    """By their ids; one that the region lacks refuses the call. None bears a tag to be found by."""

    def handler(call: Call) -> Mapping[str, Any]:
        there = {each.reservation_id: each for each in bought if each.zone[:-1] == call.region}
        names = call.parameters.get("CapacityReservationIds", [])
        for name in names:
            if name not in there:
                code = "InvalidCapacityReservationId.NotFound"
                raise Refusal(code, f"The capacity reservation {name} does not exist")
        return {"CapacityReservations": [_reservation(there[name]) for name in names]}

    return handler


def _reservation(each: Bought) -> dict[str, Any]:
    return {
        "CapacityReservationId": each.reservation_id,
        "InstanceType": each.instance_type,
        "InstancePlatform": "Linux/UNIX",
        "AvailabilityZone": each.zone,
        "Tenancy": "default",
        "TotalInstanceCount": 1,
        "AvailableInstanceCount": each.available,
        "State": each.state,
        "StartDate": each.start,
        "EndDate": each.end,
        "EndDateType": "limited",
        "InstanceMatchCriteria": "targeted",
        "ReservationType": "capacity-block",
    }
