"""All that a quote asks of AWS, at once; each source answers, or says why it does not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from freehold.rent.asked import OFFLINE, Unasked, asked
from freehold.rent.aws import Aws
from freehold.rent.blocks import Block, Reservation, blocks_for_sale, reservation
from freehold.rent.lease import Market
from freehold.rent.offered import ZonesByType, zones_by_type
from freehold.rent.prices import on_demand_usd_per_hour
from freehold.rent.quotas import kinds_of, quota_vcpus, used_vcpus
from freehold.rent.spot import SpotPrices, spot_prices
from freehold.rent.wish import Wish

_PARALLEL = 16


@dataclass(frozen=True)
class Sounding:
    """By region, or by (type, region), or by (quota's code, region); what was not asked lacks."""

    zones: Mapping[str, ZonesByType | Unasked] = field(default_factory=dict)
    on_demand: Mapping[tuple[str, str], float | Unasked | None] = field(default_factory=dict)
    spot: Mapping[str, SpotPrices | Unasked] = field(default_factory=dict)
    quotas: Mapping[tuple[str, str], float | Unasked] = field(default_factory=dict)
    used: Mapping[str, Mapping[str, int] | Unasked] = field(default_factory=dict)
    blocks: Mapping[tuple[str, str], tuple[Block, ...] | Unasked] = field(default_factory=dict)
    reserved: Mapping[str, Reservation | Unasked | None] = field(default_factory=dict)

    def unasked(self) -> tuple[Unasked, ...]:
        """What was not answered, each reason once."""
        answers: list[Any] = []
        for name in self.__dataclass_fields__:
            answers += getattr(self, name).values()
        return tuple(dict.fromkeys(each for each in answers if isinstance(each, Unasked)))


def sound(aws: Aws | None, wish: Wish, types: Collection[str], now: datetime) -> Sounding:
    """Ask for these types in the wish's regions and markets. `aws` None asks nobody."""
    if aws is None or not types:
        return Sounding()
    with ThreadPoolExecutor(_PARALLEL) as pool:
        futures = {
            source: {key: pool.submit(asked, call) for key, call in by_key.items()}
            for source, by_key in _calls(aws, wish, types, now).items()
        }
        return Sounding(
            **{
                source: {key: future.result() for key, future in by_key.items()}
                for source, by_key in futures.items()
            }
        )


def _calls(
    aws: Aws, wish: Wish, types: Collection[str], now: datetime
) -> dict[str, dict[Any, Callable[[], Any]]]:
    """By the field of Sounding and its key."""
    regions, markets = wish.regions, wish.markets
    pairs = [(each, region) for each in types for region in regions]
    calls: dict[str, dict[Any, Callable[[], Any]]] = {
        "zones": {region: partial(zones_by_type, aws, region, types) for region in regions},
        "used": {region: partial(used_vcpus, aws, region) for region in regions},
        "quotas": {
            (kind.code, region): partial(quota_vcpus, aws, region, kind)
            for kind in kinds_of(types, markets)
            for region in regions
        },
    }
    if Market.ON_DEMAND in markets:
        calls["on_demand"] = {pair: partial(on_demand_usd_per_hour, aws, *pair) for pair in pairs}
    if Market.SPOT in markets:
        calls["spot"] = {r: partial(spot_prices, aws, r, types, now) for r in regions}
    if Market.BLOCK in markets and wish.reservation:
        calls["reserved"] = {r: partial(reservation, aws, r, wish.reservation) for r in regions}
    elif Market.BLOCK in markets:
        calls["blocks"] = {
            (each, region): partial(blocks_for_sale, aws, region, each, wish.hours, now)
            for each, region in pairs
        }
    return calls


def answer_of(answers: Mapping[Any, Any], key: Any) -> Any:
    """What was answered; where nobody was asked, that."""
    return answers.get(key, OFFLINE)
