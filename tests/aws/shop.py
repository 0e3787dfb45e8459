"""What there is to rent in a world: prices, quotas, spot prices and capacity blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from freehold.catalog.instances import instances
from tests.aws.capacity_blocks import (
    Bought,
    ForSale,
    describe_capacity_block_offerings,
    describe_capacity_reservations,
)
from tests.aws.pricing import get_products
from tests.aws.quotas import get_aws_default_service_quota, get_service_quota
from tests.aws.spot_history import describe_spot_price_history

QUOTA_CODES = (
    "L-417A185B", "L-DB2E81BA", "L-1216C47A", "L-7212CCBC", "L-C4BD4855", "L-3819A6DF",
    "L-34B43A08",
)  # fmt: skip


class Counter(Protocol):
    """Where actions are given their answers: a World."""

    def handle(self, service: str, action: str, handler: Any) -> None: ...


@dataclass
class Shop:
    """Change it as you like while it is open: each call is answered by what it holds then.

    `usd_per_hour` by (type, region), `quotas` in vCPUs by (code, region), `spot` by (type, zone).
    """

    usd_per_hour: dict[tuple[str, str], float] = field(default_factory=dict)
    quotas: dict[tuple[str, str], float] = field(default_factory=dict)
    spot: dict[tuple[str, str], list[tuple[datetime, float]]] = field(default_factory=dict)
    blocks: list[ForSale] = field(default_factory=list)
    bought: list[Bought] = field(default_factory=list)
    default_quota: float = 0.0

    @classmethod
    def plain(cls, regions: tuple[str, ...], quota_vcpus: float = 768.0) -> Shop:
        """Every catalogued type at a price that is not the catalogue's, and quotas for some."""
        return cls(
            {(i.name, r): round(i.usd_h * 0.9, 4) for i in instances().values() for r in regions},
            {(code, region): quota_vcpus for code in QUOTA_CODES for region in regions},
        )

    def open(self, world: Counter, page_size: int = 100) -> None:
        """Have a world answer from it. Small pages show who reads only the first."""
        handlers: Mapping[tuple[str, str], Any] = {
            ("pricing", "GetProducts"): get_products(self.usd_per_hour, page_size),
            ("servicequotas", "GetServiceQuota"): get_service_quota(self.quotas),
            ("servicequotas", "GetAWSDefaultServiceQuota"): get_aws_default_service_quota(
                self.default_quota
            ),
            ("ec2", "DescribeSpotPriceHistory"): describe_spot_price_history(self.spot, page_size),
            ("ec2", "DescribeCapacityBlockOfferings"): describe_capacity_block_offerings(
                self.blocks
            ),
            ("ec2", "DescribeCapacityReservations"): describe_capacity_reservations(self.bought),
        }
        for (service, action), handler in handlers.items():
            world.handle(service, action, handler)
