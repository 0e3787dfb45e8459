"""From what AWS answered to the rows of a quote: pure, one for each way to buy a type somewhere."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from freehold.rent.asked import Unasked
from freehold.rent.fitting import Fit
from freehold.rent.ground import Ground
from freehold.rent.lease import Market, Offer
from freehold.rent.machine import CATALOGUED_AT, CATALOGUED_IN
from freehold.rent.money import affordable, hours_of, timing_notes
from freehold.rent.quotas import Quota, quota_kind
from freehold.rent.row import Reason, Row
from freehold.rent.rows_block import block_rows
from freehold.rent.sounding import answer_of
from freehold.rent.spot import SpotPrice

Zones = tuple[str, ...] | Unasked


def rows_of(ground: Ground, fits: Iterable[Fit]) -> Iterator[Row]:
    """Every row of the types that carry the model, ruled out or not."""
    wish = ground.wish
    for market, fit, region in itertools.product(wish.markets, fits, wish.regions):
        if market is Market.BLOCK:
            yield from block_rows(ground, fit, region)
        elif market is Market.SPOT:
            yield _spot(ground, fit, region)
        else:
            yield _on_demand(ground, fit, region)


def _on_demand(ground: Ground, fit: Fit, region: str) -> Row:
    machine = fit.machine
    zones, reasons = zones_of(ground, machine.instance_type, region)
    answer = answer_of(ground.sounding.on_demand, (machine.instance_type, region))
    price, priced_at = answer, f"AWS Pricing, {ground.now:%Y-%m-%d}"
    if answer is None:
        reasons.append(Reason(f"AWS lists no on-demand price in {region}"))
    elif isinstance(answer, Unasked):
        price, priced_at = machine.usd_per_hour, f"catalogue, {CATALOGUED_AT}"
        if region != CATALOGUED_IN:
            priced_at += f", of {CATALOGUED_IN}"
        if price is None:
            reasons.append(Reason(f"its price is not known: {answer}", answer.hint))
    offers = (
        () if price is None else _offers(fit, region, zones, Market.ON_DEMAND, price, priced_at)
    )
    return _row(ground, fit, region, Market.ON_DEMAND, zones, offers, reasons)


def _spot(ground: Ground, fit: Fit, region: str) -> Row:
    machine = fit.machine
    zones, reasons = zones_of(ground, machine.instance_type, region)
    answer = answer_of(ground.sounding.spot, region)
    prices: dict[str, SpotPrice] = {}
    if isinstance(answer, Unasked):
        reasons.append(Reason(f"its spot price is not known: {answer}", answer.hint))
    else:
        prices = answer.get(machine.instance_type, {})
        if not prices:
            reasons.append(Reason(f"no spot price in {region} in 7 days: it is not sold so there"))
    tried = ground.wish.zones_in(region) or sorted(
        prices, key=lambda zone: (prices[zone].last, zone)
    )
    known = tried if isinstance(zones, Unasked) else [zone for zone in tried if zone in zones]
    offers = tuple(
        offer
        for zone in known
        if zone in prices
        for offer in _offers(
            fit,
            region,
            (zone,),
            Market.SPOT,
            prices[zone].last,
            f"AWS spot price of {prices[zone].at:%Y-%m-%d %H:%M} UTC",
        )
    )
    if prices and not offers and not reasons:
        reasons.append(Reason(f"no spot price in {', '.join(known)}, only in {', '.join(prices)}"))
    if prices:
        zones = tuple(offer.zone for offer in offers if offer.zone)
    spot = tuple(sorted(prices.items()))
    return _row(ground, fit, region, Market.SPOT, zones, offers, reasons, spot)


def zones_of(ground: Ground, instance_type: str, region: str) -> tuple[Zones, list[Reason]]:
    """Where it may be tried, in that order, and why nowhere."""
    wanted = ground.wish.zones_in(region)
    if ground.wish.zones and not wanted:
        return (), [Reason(f"none of freehold:rented.zones is in {region}")]
    answer = answer_of(ground.sounding.zones, region)
    if isinstance(answer, Unasked):
        return wanted or answer, []
    offered = answer.get(instance_type, ())
    if not offered:
        return (), [Reason(f"not offered in {region}")]
    kept = tuple(zone for zone in wanted if zone in offered) if wanted else offered
    if not kept:
        return (), [Reason(f"not offered in {', '.join(wanted)}, only in {', '.join(offered)}")]
    return kept, []


def _offers(
    fit: Fit, region: str, zones: Zones, market: Market, usd_per_hour: float, priced_at: str
) -> tuple[Offer, ...]:
    """One a zone; where zones are not known, one that leaves it to AWS."""
    tried: tuple[str | None, ...] = (None,) if isinstance(zones, Unasked) else zones
    machine = fit.machine
    return tuple(
        Offer(machine.instance_type, region, zone, market, usd_per_hour, machine.vcpus, priced_at)
        for zone in tried
    )


def _row(
    ground: Ground,
    fit: Fit,
    region: str,
    market: Market,
    zones: Zones,
    offers: tuple[Offer, ...],
    reasons: list[Reason],
    spot: tuple[tuple[str, SpotPrice], ...] = (),
) -> Row:
    wish, need = ground.wish, ground.need
    quota, too_small = _quota(ground, fit, region, market)
    hours = hours_of(wish, need, fit)
    kept, too_dear = affordable(offers, wish, need, hours)
    first = (kept or offers or (None,))[0]
    return Row(
        fit,
        region,
        market,
        kept,
        zones,
        first.usd_per_hour if first else None,
        first.priced_at if first else "",
        hours,
        first.usd_per_hour * hours if first and hours is not None else None,
        quota,
        spot,
        reasons=(*reasons, *too_small, *too_dear),
        notes=timing_notes(wish, need, fit, hours),
    )


def _quota(
    ground: Ground, fit: Fit, region: str, market: Market
) -> tuple[Quota | Unasked | None, tuple[Reason, ...]]:
    """None where no quota is known to count it."""
    machine = fit.machine
    kind = quota_kind(machine.instance_type, market)
    if kind is None:
        return None, ()
    value = answer_of(ground.sounding.quotas, (kind.code, region))
    if isinstance(value, Unasked):
        return value, ()
    used = answer_of(ground.sounding.used, region)
    quota = Quota(kind, value, None if isinstance(used, Unasked) else used.get(kind.code, 0))
    if quota.allows(machine.vcpus):
        return quota, ()
    why = f"quota {kind.code} ({kind.name}) in {region}: {quota}; {machine.vcpus} are needed"
    needed = machine.vcpus + (quota.used_vcpus or 0)
    return quota, (Reason(why, kind.raised_by(region, needed)),)
