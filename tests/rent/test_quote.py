"""Quotes: live prices, what rules a type out, and the order of trial."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from freehold.catalog.instances import instances
from freehold.rent.asked import Unasked
from freehold.rent.lease import Market
from freehold.rent.need import BOOT_S
from freehold.rent.quotas import Quota
from freehold.rent.quote import NoOfferError
from freehold.spec.economy import Policy
from tests.aws.pricing import product
from tests.aws.world import World
from tests.rent.quoting import EAST, SPOT, WEST, need, only, quoted, shop, whys, wish


def test_the_price_is_that_of_plain_linux_and_of_no_capacity_block(world: World) -> None:
    shop(world, usd_per_hour={("p5.48xlarge", EAST): 55.25}).open(world, page_size=1)
    row = only(quoted(world, wish(), need()))
    assert row.usd_per_hour == pytest.approx(55.25)
    assert row.priced_at == f"AWS Pricing, {world.clock():%Y-%m-%d}"
    assert row.usd == pytest.approx(4 * 55.25)


def test_a_quote_asks_by_calls_that_read_alone(world: World) -> None:
    shop(world)
    quoted(world, wish(markets=tuple(Market), zones=("us-east-1a",)), need())
    assert world.calls
    assert all(call.action.startswith(("Describe", "Get")) for call in world.calls)


def test_two_prices_that_differ_are_no_price(world: World) -> None:
    shop(world)
    two = [json.dumps(product({}, "p5.48xlarge", EAST, usd)) for usd in (50.0, 60.0)]
    world.handle("pricing", "GetProducts", lambda _: {"PriceList": two})
    found = quoted(world, wish(), need())
    assert only(found).priced_at == "catalogue, mid-2026"
    assert "expected one price, got 50, 60 USD/h" in str(found.unasked[0][0])


def test_a_type_without_a_price_in_the_region_is_ruled_out(world: World) -> None:
    shop(world, usd_per_hour={("p5.48xlarge", WEST): 50.0})
    found = quoted(world, wish(), need())
    assert whys(only(found)) == "AWS lists no on-demand price in us-east-1"
    assert not found.offers


def test_a_source_that_is_denied_is_said_and_the_others_still_answer(world: World) -> None:
    shop(world)
    world.faults.add("GetProducts", "AccessDeniedException", times=None)
    found = quoted(world, wish(), need())
    row = only(found)
    assert row.usd_per_hour == instances()["p5.48xlarge"].usd_h
    assert row.priced_at == "catalogue, mid-2026"
    assert isinstance(row.quota, Quota)
    assert row.zones == tuple(f"us-east-1{letter}" for letter in "abcdef")
    ((why, count),) = found.unasked
    assert "AccessDeniedException" in str(why)
    assert "pricing:GetProducts" in why.place
    assert count == 1


def test_the_catalogue_s_price_for_another_region_says_whose_it_is(world: World) -> None:
    shop(world)
    world.faults.add("GetProducts", "AccessDeniedException", times=None)
    row = only(quoted(world, wish(regions=(WEST,)), need()))
    assert row.priced_at == "catalogue, mid-2026, of us-east-1"


def test_a_quota_of_nothing_names_its_code_and_how_to_raise_it(world: World) -> None:
    shop(world, quotas={}, default_quota=0.0)
    row = only(quoted(world, wish(), need()))
    (reason,) = row.reasons
    assert "L-417A185B" in reason.why
    assert "192 are needed" in reason.why
    assert reason.hint is not None
    assert "--quota-code L-417A185B --desired-value 192 --region us-east-1" in reason.hint


def test_what_runs_already_counts_against_the_quota(world: World) -> None:
    shop(world, quotas={("L-417A185B", EAST): 256.0})
    # By a handler, as moto says nothing of an instance's processors.
    runs = {
        "InstanceType": "p4d.24xlarge",
        "State": {"Name": "running", "Code": 16},
        "CpuOptions": {"CoreCount": 48, "ThreadsPerCore": 2},
    }
    world.handle("ec2", "DescribeInstances", lambda _: {"Reservations": [{"Instances": [runs]}]})
    row = only(quoted(world, wish(), need()))
    assert isinstance(row.quota, Quota)
    assert row.quota.used_vcpus == 96
    assert "256 vCPUs, 96 of them in use; 192 are needed" in whys(row)
    assert row.reasons[0].hint is not None
    assert "--desired-value 288" in row.reasons[0].hint


def test_a_quota_that_cannot_be_asked_rules_nothing_out(world: World) -> None:
    shop(world, quotas={})
    world.faults.add("GetServiceQuota", "AccessDeniedException", times=None)
    row = only(quoted(world, wish(), need()))
    assert isinstance(row.quota, Unasked)
    assert not row.reasons


@pytest.mark.parametrize(
    ("instance_type", "code"), [("p4d.24xlarge", "L-7212CCBC"), ("p5en.48xlarge", "L-C4BD4855")]
)
def test_spot_counts_p5_apart_from_older_ones(world: World, instance_type: str, code: str) -> None:
    zone = ("us-east-1a", "us-east-1c")[instance_type == "p5en.48xlarge"]
    told = {(instance_type, zone): [(world.clock() - timedelta(hours=1), 20.0)]}
    shop(world, spot=told, quotas={(code, EAST): 192.0})
    row = only(quoted(world, wish(instance_type, markets=SPOT), need()))
    assert isinstance(row.quota, Quota)
    assert (row.quota.kind.code, row.quota.vcpus) == (code, 192.0)
    assert not row.reasons


def test_spot_has_its_last_price_and_the_week_s_range_and_begins_where_it_is_cheapest(
    world: World,
) -> None:
    now = world.clock()
    told = {
        ("p5.48xlarge", "us-east-1a"): [
            (now - timedelta(days=9), 31.0),
            (now - timedelta(days=8), 30.0),
            (now - timedelta(days=3), 18.0),
            (now - timedelta(hours=2), 25.0),
        ],
        ("p5.48xlarge", "us-east-1d"): [(now - timedelta(hours=2), 21.5)],
    }
    shop(world, spot=told).open(world, page_size=1)
    row = only(quoted(world, wish(markets=SPOT), need()))
    prices = dict(row.spot)
    a = prices["us-east-1a"]
    assert (a.last, a.low, a.high) == (25.0, 18.0, 30.0)
    assert [(offer.zone, offer.usd_per_hour) for offer in row.offers] == [
        ("us-east-1d", 21.5),
        ("us-east-1a", 25.0),
    ]
    assert row.usd_per_hour == 21.5


def test_without_a_spot_price_in_a_week_it_is_not_sold_so(world: World) -> None:
    shop(world)
    found = quoted(world, wish(markets=SPOT), need())
    assert "no spot price in us-east-1 in 7 days" in whys(only(found))


def test_a_spot_zone_without_a_price_is_not_tried(world: World) -> None:
    told = {("p5.48xlarge", "us-east-1d"): [(world.clock() - timedelta(hours=2), 21.5)]}
    shop(world, spot=told)
    wanted = wish(markets=SPOT, zones=("us-east-1a", "us-east-1d"))
    assert [offer.zone for offer in quoted(world, wanted, need()).offers] == ["us-east-1d"]
    none = only(quoted(world, wish(markets=SPOT, zones=("us-east-1a",)), need()))
    assert whys(none) == "no spot price in us-east-1a, only in us-east-1d"


def test_a_type_that_the_region_lacks_is_ruled_out_there(world: World) -> None:
    shop(world)
    world.handle("ec2", "DescribeInstanceTypeOfferings", lambda _: {"InstanceTypeOfferings": []})
    assert whys(only(quoted(world, wish(), need()))) == "not offered in us-east-1"


def test_only_the_stack_s_zones_are_tried_in_its_order(world: World) -> None:
    shop(world)
    zones = ("us-east-1d", "us-west-2a", "us-east-1b")
    found = quoted(world, wish(zones=zones, regions=(EAST, WEST, "eu-central-1")), need())
    assert [offer.zone for offer in found.offers] == ["us-east-1d", "us-east-1b", "us-west-2a"]
    frankfurt = [row for row in found.rows if row.region == "eu-central-1"]
    assert "none of freehold:rented.zones is in eu-central-1" in whys(frankfurt[0])


def test_zones_where_it_is_not_offered_are_named_with_those_where_it_is(world: World) -> None:
    shop(world)
    row = only(quoted(world, wish("p5en.48xlarge", zones=("us-east-1b",)), need()))
    assert whys(row) == "not offered in us-east-1b, only in us-east-1a, us-east-1c"


def test_over_budget_says_by_how_much_and_what_was_spent(world: World) -> None:
    shop(world, usd_per_hour={("p5.48xlarge", EAST): 50.0})
    row = only(quoted(world, wish(budget_usd=250.0), need(spent_usd=75.0)))
    (reason,) = row.reasons
    assert reason.why.startswith("over budget by 29.23 USD: 4.00 h may cost 204.23 with disk,")
    assert "75.00 of them spent" in reason.why
    assert reason.hint is not None
    assert "it would last 3.41 h" in reason.hint
    assert not only(quoted(world, wish(budget_usd=279.25), need(spent_usd=75.0))).reasons


def test_the_stack_s_policy_rules_out_too(world: World) -> None:
    shop(world, usd_per_hour={("p5.48xlarge", EAST): 50.0})
    dear = quoted(world, wish(), need(policy=Policy(max_usd_per_hour=49.0)))
    assert "max_usd_per_hour is 49.00, it costs 50.00" in whys(only(dear))
    slow = quoted(world, wish(), need(policy=Policy(min_tokens_per_s=1000.0)))
    assert not slow.rows
    assert "min_tokens_per_s: expected at least 1000" in slow.unfit[0].reasons[0]


def test_tries_go_through_markets_then_types_then_regions_then_zones(world: World) -> None:
    told = {("p4de.24xlarge", "us-west-2a"): [(world.clock() - timedelta(hours=1), 9.0)]}
    shop(world, spot=told)
    wanted = wish(
        "p5.48xlarge",
        "p4de.24xlarge",
        regions=(WEST, EAST),
        zones=("us-west-2a", "us-east-1c", "us-east-1b"),
        markets=(Market.SPOT, Market.ON_DEMAND),
    )
    tried = [(o.market, o.instance_type, o.zone) for o in quoted(world, wanted, need()).offers]
    assert tried == [
        (Market.SPOT, "p4de.24xlarge", "us-west-2a"),
        (Market.ON_DEMAND, "p5.48xlarge", "us-west-2a"),
        (Market.ON_DEMAND, "p5.48xlarge", "us-east-1c"),
        (Market.ON_DEMAND, "p5.48xlarge", "us-east-1b"),
        (Market.ON_DEMAND, "p4de.24xlarge", "us-west-2a"),
        (Market.ON_DEMAND, "p4de.24xlarge", "us-east-1c"),
        (Market.ON_DEMAND, "p4de.24xlarge", "us-east-1b"),
    ]


def test_without_types_the_cheapest_for_the_task_is_tried_first(world: World) -> None:
    shop(world)
    everything = wish(types=())
    lease = quoted(world, everything, need())
    prices = [offer.usd_per_hour for offer in lease.offers]
    assert prices == sorted(prices)
    assert {offer.instance_type for offer in lease.offers} <= set(instances())
    tokens = quoted(world, everything, need(tokens=5e6))
    costs = [row.usd for row in tokens.rows if row.usd is not None]
    assert costs == sorted(costs)
    # Five million tokens: a machine that costs more an hour is done sooner.
    assert tokens.rows[0].usd_per_hour is not None
    assert tokens.rows[0].usd_per_hour > prices[0]


def test_the_cost_of_tokens_counts_boot_sync_and_load(world: World) -> None:
    shop(world, usd_per_hour={("p5.48xlarge", EAST): 50.0})
    asked = need(tokens=1e6)
    row = only(quoted(world, wish(), asked))
    fit = row.fit
    assert fit.load_s is not None
    assert fit.all_tokens_per_s is not None
    sync_s = asked.weights_bytes * 8 / 2e9
    seconds = BOOT_S + sync_s + fit.load_s + 1e6 / fit.all_tokens_per_s
    assert row.usd == pytest.approx(50.0 * seconds / 3600)


def test_a_task_that_outlasts_the_lease_says_what_it_takes(world: World) -> None:
    shop(world)
    row = only(quoted(world, wish(), need(hours=6.0)))
    assert row.hours is not None
    assert row.notes == ("takes freehold:rented.hours of at least 7",)
    assert not row.reasons


def test_weights_that_come_too_slowly_for_the_lease_are_noted(world: World) -> None:
    shop(world)
    row = only(quoted(world, wish(), need(sync_mbit_per_s=100.0)))
    assert "when its lease of 4 h has ended" in row.notes[0]


def test_nothing_to_rent_is_an_error_with_every_reason(world: World) -> None:
    shop(world, quotas={("L-417A185B", EAST): 0.0, ("L-DB2E81BA", EAST): 192.0})
    found = quoted(world, wish("p5.4xlarge", "p5.48xlarge", "g7e.48xlarge", budget_usd=1.0), need())
    with pytest.raises(NoOfferError) as raised:
        found.required_offers()
    said = str(raised.value)
    assert "p5.48xlarge in us-east-1, on-demand: quota L-417A185B" in said
    assert "g7e.48xlarge in us-east-1, on-demand: over budget" in said
    assert "p5.4xlarge: the model does not fit: short of" in said
