"""What moto lacks of Pricing: GetProducts, over a price list like AWS's own.

Beside the price that is asked for it holds what must not be taken for it: a type's capacity
blocks, which differ in `marketoption` alone, reserved and unused capacity, Windows, and hosts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.aws.answer import Refusal
from tests.aws.call import Call

USED = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
    "licenseModel": "No License required",
}
OTHERS = (
    ({"marketoption": "CapacityBlock"}, 0.0),
    ({"capacitystatus": "AllocatedCapacityReservation"}, 0.0),
    ({"capacitystatus": "UnusedCapacityReservation"}, 1.0),
    ({"operatingSystem": "Windows"}, 1.3),
    ({"tenancy": "Dedicated"}, 1.1),
    ({"preInstalledSw": "SQL Ent"}, 4.0),
)


def get_products(
    usd_per_hour: Mapping[tuple[str, str], float], page_size: int = 100
) -> Callable[[Call], Mapping[str, Any]]:
    """Prices by (type, region). Pages are as small as they are asked to be."""

    def handler(call: Call) -> Mapping[str, Any]:
        if call.parameters["ServiceCode"] != "AmazonEC2":
            raise Refusal("InvalidParameterException", "no such service here")
        wanted = {each["Field"]: each["Value"] for each in call.parameters.get("Filters", ())}
        found = [
            product(kind, instance_type, region, price * factor, number)
            for (instance_type, region), price in sorted(usd_per_hour.items())
            for number, (kind, factor) in enumerate((({}, 1.0), *OTHERS))
        ]
        kept = [p for p in found if wanted.items() <= p["product"]["attributes"].items()]
        start = int(call.parameters.get("NextToken", 0))
        size = min(page_size, call.parameters.get("MaxResults", 100))
        page: dict[str, Any] = {
            "FormatVersion": "aws_v1",
            "PriceList": [json.dumps(each) for each in kept[start : start + size]],
        }
        if start + size < len(kept):
            page["NextToken"] = str(start + size)
        return page

    return handler


def product(
    kind: Mapping[str, str], instance_type: str, region: str, usd: float, number: int = 0
) -> dict[str, Any]:
    """One product as the Price List has it; `kind` is what is unlike a plain Linux instance."""
    sku = f"SKU{number:013d}"
    rate = f"{sku}.JRTCKXETXF"
    dimension = {
        "unit": "Hrs",
        "endRange": "Inf",
        "beginRange": "0",
        "description": f"${usd} per On Demand Linux {instance_type} Instance Hour",
        "appliesTo": [],
        "rateCode": f"{rate}.6YS6EN2CT7",
        "pricePerUnit": {"USD": f"{usd:.10f}"},
    }
    term = {
        "priceDimensions": {f"{rate}.6YS6EN2CT7": dimension},
        "sku": sku,
        "effectiveDate": "2026-11-01T00:00:00Z",
        "offerTermCode": "JRTCKXETXF",
        "termAttributes": {},
    }
    return {
        "product": {
            "productFamily": "Compute Instance",
            "attributes": {
                **USED,
                **kind,
                "instanceType": instance_type,
                "regionCode": region,
                "servicecode": "AmazonEC2",
            },
            "sku": sku,
        },
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {rate: term}},
        "version": "20261101000000",
        "publicationDate": "2026-11-01T00:00:00Z",
    }
