"""Spot prices that a test sets: moto has one price for all types, zones and times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.aws.call import Call

Told = Sequence[tuple[datetime, float]]


def describe_spot_price_history(
    prices: Mapping[tuple[str, str], Told], page_size: int = 1000
) -> Callable[[Call], Mapping[str, Any]]:
    """Prices over time by (type, zone); those of the asked time, and the last one before it."""

    def handler(call: Call) -> Mapping[str, Any]:
        asked = call.parameters
        start, end = aware(asked["StartTime"]), aware(asked["EndTime"])
        entries = [
            _entry(instance_type, zone, at, price)
            for (instance_type, zone), told in sorted(prices.items())
            if instance_type in asked["InstanceTypes"] and zone.startswith(call.region)
            for at, price in _within(told, start, end)
        ]
        first = int(asked.get("NextToken") or 0)
        more = first + page_size < len(entries)
        return {
            "SpotPriceHistory": entries[first : first + page_size],
            "NextToken": str(first + page_size) if more else "",
        }

    return handler


def aware(at: datetime) -> datetime:
    """A time of a request: on the wire all are UTC, and the parser leaves that out."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _within(told: Told, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
    before = [each for each in sorted(told) if each[0] < start]
    return [*before[-1:], *(each for each in told if start <= each[0] <= end)]


def _entry(instance_type: str, zone: str, at: datetime, price: float) -> dict[str, Any]:
    return {
        "AvailabilityZone": zone,
        "InstanceType": instance_type,
        "ProductDescription": "Linux/UNIX",
        "SpotPrice": f"{price:.6f}",
        "Timestamp": at,
    }
