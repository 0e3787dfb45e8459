"""Capacity blocks in a quote: bought by a person, then rented from."""

from __future__ import annotations

from datetime import timedelta

import pytest

from freehold.rent.blocks import duration_hours
from freehold.rent.quote import NoOfferError
from tests.aws.capacity_blocks import Bought, ForSale
from tests.aws.world import World
from tests.rent.quoting import BLOCK, EAST, WEST, need, only, quoted, shop, whys, wish

CR = "cr-0123456789abcdef0"


def test_a_block_for_sale_shows_its_price_and_times_and_is_never_bought(world: World) -> None:
    start = world.clock() + timedelta(days=3)
    block = ForSale("p5.48xlarge", "us-east-1b", start, start + timedelta(hours=24), 755.5)
    shop(world, blocks=[block])
    found = quoted(world, wish(markets=BLOCK), need())
    row = only(found)
    assert row.usd == 755.5
    assert row.usd_per_hour == pytest.approx(755.5 / 24)
    assert row.block is not None
    assert (row.block.start, row.block.zone) == (start, "us-east-1b")
    assert row.reasons[0].hint is not None
    assert "--capacity-block-offering-id cbo-" in row.reasons[0].hint
    assert not found.offers


def test_without_a_block_for_sale_it_is_said(world: World) -> None:
    shop(world)
    row = only(quoted(world, wish(markets=BLOCK), need()))
    assert whys(row) == "no capacity block for sale in us-east-1 that lasts 4 h"


def test_the_block_that_was_bought_is_tried_in_its_zone_and_costs_no_more(world: World) -> None:
    now = world.clock()
    shop(world, bought=[_bought(world, now + timedelta(hours=20))])
    found = quoted(
        world, wish(types=(), regions=(WEST, EAST), markets=BLOCK, reservation=CR), need()
    )
    (offer,) = found.offers
    assert (offer.zone, offer.reservation, offer.usd_per_hour) == ("us-east-1b", CR, 0.0)
    assert offer.instance_type == "p5.48xlarge"
    assert "paid when the block was bought" in offer.priced_at


def test_a_block_that_ends_before_the_lease_rules_out(world: World) -> None:
    now = world.clock()
    shop(world, bought=[_bought(world, now + timedelta(hours=4))])
    row = only(quoted(world, wish(markets=BLOCK, reservation=CR), need()))
    (reason,) = row.reasons
    assert "the lease of 4 h would end later" in reason.why
    assert reason.hint == "freehold:rented.hours of at most 3.50"
    assert not only(quoted(world, wish(markets=BLOCK, reservation=CR, hours=3.5), need())).reasons


@pytest.mark.parametrize(
    ("state", "available", "said"),
    [("scheduled", 0, "is scheduled, not active, it begins"), ("active", 0, "is in use")],
)
def test_a_block_that_cannot_be_used_now_says_why(
    world: World, state: str, available: int, said: str
) -> None:
    end = world.clock() + timedelta(hours=20)
    shop(world, bought=[_bought(world, end, state, available)])
    assert said in whys(only(quoted(world, wish(markets=BLOCK, reservation=CR), need())))


def test_a_block_that_no_region_has_is_an_error_that_names_it(world: World) -> None:
    shop(world)
    found = quoted(world, wish(markets=BLOCK, reservation=CR, regions=(EAST, WEST)), need())
    with pytest.raises(NoOfferError, match=f"{CR} is in none of us-east-1, us-west-2"):
        found.required_offers()


def test_a_block_of_another_type_is_named(world: World) -> None:
    shop(world, bought=[_bought(world, world.clock() + timedelta(hours=20))])
    wanted = wish("p4de.24xlarge", markets=BLOCK, reservation=CR)
    with pytest.raises(NoOfferError, match=r"is of p5\.48xlarge"):
        quoted(world, wanted, need()).required_offers()


@pytest.mark.parametrize(
    ("hours", "block"),
    [(4, 24), (24, 24), (24.5, 48), (336, 336), (337, 504), (4368, 4368), (4369, None)],
)
def test_blocks_last_whole_days_then_whole_weeks(hours: float, block: int | None) -> None:
    assert duration_hours(hours) == block


def _bought(world: World, end: object, state: str = "active", available: int = 1) -> Bought:
    start = world.clock() - timedelta(hours=1)
    return Bought(CR, "p5.48xlarge", "us-east-1b", start, end, state, available)  # type: ignore[arg-type]
