"""When owning a machine beats renting one, or asking an API: a table over hours of use a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from freehold.sizing.cost import MILLION

DAYS_PER_MONTH = 365.25 / 12
HOURS_PER_DAY = (1.0, 4.0, 8.0, 24.0)


@dataclass(frozen=True)
class Terms:
    """All that the comparison rests on; prices in US dollars.

    `tokens_per_s` are decoded, while the machine is in use. The owned one draws `watts` then and
    `idle_watts` for the rest of the day; the rented one is given back. `rent_usd_per_hour` and
    `api_usd_per_million` are None where that is not compared.
    """

    purchase_usd: float
    watts: float
    usd_per_kwh: float
    tokens_per_s: float
    idle_watts: float = 0.0
    rent_usd_per_hour: float | None = None
    api_usd_per_million: float | None = None


@dataclass(frozen=True)
class OwningRow:
    """For a number of hours in use a day: tokens and US dollars a month, and months to break even.

    A break-even of None: never, as running the owned one costs more than the other way; the
    dollars of a way that is not compared are None too.
    """

    hours_per_day: float
    tokens_per_month: float
    owned_usd_per_month: float
    rent_usd_per_month: float | None
    api_usd_per_month: float | None
    months_to_beat_rent: float | None
    months_to_beat_api: float | None


def owning_table(
    terms: Terms, hours_per_day: Sequence[float] = HOURS_PER_DAY
) -> tuple[OwningRow, ...]:
    """A row for each number of hours. Nothing wears out and nothing is sold again."""
    return tuple(_row(terms, hours) for hours in hours_per_day)


def tokens_to_beat_api(terms: Terms) -> float | None:
    """How many tokens it takes, at any pace, until an API would have cost as much.

    None where one token costs more electricity than the API asks, or the API is not compared.
    What the machine draws while idle is left out: it depends on the pace.
    """
    if terms.api_usd_per_million is None:
        return None
    own_usd = terms.watts / 1000 * terms.usd_per_kwh / 3600 / terms.tokens_per_s
    saved_usd = terms.api_usd_per_million / MILLION - own_usd
    return terms.purchase_usd / saved_usd if saved_usd > 0 else None


def _row(terms: Terms, hours: float) -> OwningRow:
    used_h = hours * DAYS_PER_MONTH
    idle_h = (24 - hours) * DAYS_PER_MONTH
    tokens = used_h * 3600 * terms.tokens_per_s
    kwh = (used_h * terms.watts + idle_h * terms.idle_watts) / 1000
    owned = kwh * terms.usd_per_kwh
    rent = None if terms.rent_usd_per_hour is None else used_h * terms.rent_usd_per_hour
    api = (
        None if terms.api_usd_per_million is None else tokens / MILLION * terms.api_usd_per_million
    )
    return OwningRow(
        hours,
        tokens,
        owned,
        rent,
        api,
        _months(terms.purchase_usd, owned, rent),
        _months(terms.purchase_usd, owned, api),
    )


def _months(purchase: float, own: float, other: float | None) -> float | None:
    if other is None or other <= own:
        return None
    return purchase / (other - own)
