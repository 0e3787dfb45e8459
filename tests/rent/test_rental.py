"""What an instance costs, by AWS's own rules."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from freehold.rent.lease import Market
from freehold.rent.rental import cost_usd, running_usd_per_hour
from tests.rent.leases import rental

LAUNCHED = rental().launched_at


def after(**span: float) -> datetime:
    return LAUNCHED + timedelta(**span)


def test_seconds_are_billed_and_a_minute_at_least() -> None:
    bare = rental(root_gib=0)
    hourly = 55.04 + 0.005  # the address too
    assert cost_usd(bare, after(hours=2, seconds=36)) == pytest.approx(hourly * 2.01)
    for at in (after(seconds=61), after(seconds=60), after(seconds=1), after(days=-1)):
        seconds = max((at - LAUNCHED).total_seconds(), 60)
        assert cost_usd(bare, at) == pytest.approx(hourly * seconds / 3600)


def test_what_has_ended_costs_no_more() -> None:
    ended = rental(ended_at=after(hours=1))
    assert cost_usd(ended, after(hours=1)) == cost_usd(ended, after(days=40))
    assert cost_usd(rental(), after(days=40)) > cost_usd(ended, after(days=40))


def test_a_disk_is_billed_as_in_awss_own_example() -> None:
    """2,000 GB for 12 hours of a 30-day month; its page has 0.08 USD for a GB-month of gp3."""
    of_disk = running_usd_per_hour(Market.SPOT, 0, 2000) - running_usd_per_hour(Market.SPOT, 0, 0)
    assert of_disk * 12 == pytest.approx(2000 * 0.08 * 43_200 / (86_400 * 30))


def test_a_block_was_paid_for_when_it_was_bought() -> None:
    block = rental(market=Market.BLOCK, usd_per_hour=31.0, root_gib=0)
    assert cost_usd(block, after(hours=10)) == pytest.approx(10 * 0.005)
