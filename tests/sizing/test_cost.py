"""What a machine costs, and when owning one pays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from freehold.sizing.cost import cost
from freehold.sizing.held import Interval
from freehold.sizing.owning import DAYS_PER_MONTH, Terms, owning_table, tokens_to_beat_api
from freehold.sizing.speed import Speed
from tests.sizing.speed_layouts import machine

SPEED = Speed(
    decode=Interval(5, 10, 20),
    decode_total=Interval(20, 40, 80),
    prompt=Interval(100, 200, 400),
    load_s=Interval(60, 180, 360),
    bound="",
    prompt_bound="",
    depth_tokens=0,
    slots=4,
    read_bytes={},
)


def test_a_rented_machine_costs_its_rent() -> None:
    found = cost(machine(usd_per_hour=36.0, watts=5000.0), SPEED, usd_per_kwh=0.5, ttl_hours=8)
    assert found is not None
    assert found.basis == "rent: 36.00 USD/h"
    assert found.to_load.expected == pytest.approx(1.8)
    # At ten tokens a second a million take 27.8 hours.
    assert found.per_million == Interval(*(pytest.approx(x) for x in (500, 1000, 2000)))
    assert found.per_million_all_slots.expected == pytest.approx(250)
    assert found.for_ttl == 288


def test_an_owned_machine_costs_its_electricity() -> None:
    found = cost(machine(watts=1200.0), SPEED, usd_per_kwh=0.3)
    assert found is not None
    assert found.usd_per_hour == pytest.approx(0.36)
    assert found.basis == "electricity: 1200 W at 0.30 USD/kWh"
    assert found.for_ttl is None


@pytest.mark.parametrize(("watts", "price"), [(None, 0.3), (1200.0, None)])
def test_without_a_price_nothing_is_said(watts: float | None, price: float | None) -> None:
    assert cost(machine(watts=watts), SPEED, usd_per_kwh=price) is None


TERMS = Terms(
    purchase_usd=6000,
    watts=1000,
    usd_per_kwh=0.2,
    tokens_per_s=10,
    rent_usd_per_hour=2.2,
    api_usd_per_million=100,
)


def test_owning_beats_renting_after_the_months_that_the_difference_takes() -> None:
    (row,) = owning_table(TERMS, [10])
    hours = 10 * DAYS_PER_MONTH
    assert row.owned_usd_per_month == pytest.approx(hours * 0.2)
    assert row.rent_usd_per_month == pytest.approx(hours * 2.2)
    assert row.months_to_beat_rent == pytest.approx(6000 / (hours * 2.0))
    assert row.tokens_per_month == pytest.approx(hours * 36_000)
    assert row.api_usd_per_month == pytest.approx(hours * 3.6)


def test_more_use_breaks_even_sooner() -> None:
    months = [row.months_to_beat_rent or 0 for row in owning_table(TERMS)]
    assert months == sorted(months, reverse=True)
    assert months[-1] > 0


def test_owning_never_beats_what_costs_less_than_its_electricity() -> None:
    cheap = replace(TERMS, api_usd_per_million=1.0, rent_usd_per_hour=0.1)
    assert all(row.months_to_beat_api is None for row in owning_table(cheap))
    assert all(row.months_to_beat_rent is None for row in owning_table(cheap))
    assert tokens_to_beat_api(cheap) is None


def test_idle_watts_count_for_the_rest_of_the_day() -> None:
    (row,) = owning_table(replace(TERMS, idle_watts=100), [10])
    kwh = (10 * 1.0 + 14 * 0.1) * DAYS_PER_MONTH
    assert row.owned_usd_per_month == pytest.approx(kwh * 0.2)


def test_what_is_not_compared_is_left_out() -> None:
    alone = replace(TERMS, rent_usd_per_hour=None, api_usd_per_million=None)
    (row,) = owning_table(alone, [8])
    assert (row.rent_usd_per_month, row.api_usd_per_month) == (None, None)
    assert (row.months_to_beat_rent, row.months_to_beat_api) == (None, None)
    assert tokens_to_beat_api(alone) is None


def test_tokens_until_an_api_would_have_cost_as_much() -> None:
    tokens = tokens_to_beat_api(TERMS)
    assert tokens is not None
    electricity = 0.2 * tokens / 10 / 3600
    assert tokens / 1e6 * 100 == pytest.approx(6000 + electricity)
