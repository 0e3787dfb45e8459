"""On-demand prices as AWS publishes them (Pricing API, GetProducts)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from freehold.rent.aws import Aws, AwsError, calling

PRICING_REGIONS = ("us-east-1", "eu-central-1")
"""Of the few regions where the API itself is; it knows the prices of all of them."""


def on_demand_usd_per_hour(aws: Aws, instance_type: str, region: str) -> float | None:
    """US dollars an hour of a Linux instance, shared tenancy; None where AWS lists no price.

    Raises AwsError where AWS does not answer, or lists several that differ.
    """
    at = PRICING_REGIONS[1] if region.startswith("eu-") else PRICING_REGIONS[0]
    place = f"{at} pricing:GetProducts {instance_type} in {region}"
    with calling(place):
        pages = aws.client("pricing", at).get_paginator("get_products")
        entries = [
            entry
            for page in pages.paginate(
                ServiceCode="AmazonEC2", Filters=_filters(instance_type, region)
            )
            for entry in page["PriceList"]
        ]
    try:
        found = {price for entry in entries for price in _prices(json.loads(entry))}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AwsError.of(place, f"expected a price list, got {error!r}") from None
    if len(found) > 1:
        shown = ", ".join(f"{price:g}" for price in sorted(found))
        raise AwsError.of(place, f"expected one price, got {shown} USD/h")
    return found.pop() if found else None


def _filters(instance_type: str, region: str) -> list[dict[str, str]]:
    """marketoption is what tells a GPU type's price from that of its capacity blocks."""
    wanted = {
        "instanceType": instance_type,
        "regionCode": region,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
    }
    return [{"Type": "TERM_MATCH", "Field": key, "Value": value} for key, value in wanted.items()]


def _prices(product: Mapping[str, Any]) -> Iterator[float]:
    """Of one product; a price of 0 is no offer."""
    for term in product["terms"].get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            price = float(dimension["pricePerUnit"].get("USD", 0))
            if dimension["unit"] == "Hrs" and price > 0:
                yield price
