"""Spot prices by zone: the last one, and how far it moved in a week."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from freehold.rent.aws import Aws, AwsError, calling

LOOKED_BACK = timedelta(days=7)


@dataclass(frozen=True)
class SpotPrice:
    """US dollars an hour in one zone: the last, and the lowest and highest of the week."""

    last: float
    low: float
    high: float
    at: datetime


SpotPrices = Mapping[str, Mapping[str, SpotPrice]]
"""By instance type, then by zone."""


def spot_prices(aws: Aws, region: str, types: Collection[str], now: datetime) -> SpotPrices:
    """Those of Linux instances; a type or zone without a price in a week is left out.

    The first price of a zone may be older than the week: it is the one that held when it began
    (source: DescribeSpotPriceHistory). Raises AwsError.
    """
    place = f"{region} ec2:DescribeSpotPriceHistory"
    seen: dict[str, dict[str, list[tuple[datetime, float]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    with calling(place):
        pages = aws.client("ec2", region).get_paginator("describe_spot_price_history")
        for page in pages.paginate(
            InstanceTypes=sorted(types),
            ProductDescriptions=["Linux/UNIX"],
            StartTime=now - LOOKED_BACK,
            EndTime=now,
        ):
            for entry in page["SpotPriceHistory"]:
                try:
                    price = float(entry["SpotPrice"])
                except ValueError:
                    raise AwsError.of(
                        place, f'expected a price, got "{entry["SpotPrice"]}"'
                    ) from None
                zone = seen[entry["InstanceType"]][entry["AvailabilityZone"]]
                zone.append((entry["Timestamp"], price))
    return {
        instance_type: {zone: _summed(found) for zone, found in zones.items()}
        for instance_type, zones in seen.items()
    }


def _summed(found: list[tuple[datetime, float]]) -> SpotPrice:
    at, last = max(found)
    prices = [price for _, price in found]
    return SpotPrice(last, min(prices), max(prices), at)
