"""A survey finds what bears a lease's token, wherever it is, and says where it did not look."""

from __future__ import annotations

from datetime import timedelta

import pytest

from freehold.rent import aws as rent_aws
from freehold.rent.audit import LEFT, UNSEEN, exit_code
from freehold.rent.aws import AwsError
from freehold.rent.lease import TAG_DEADLINE, TAG_LEASE
from freehold.rent.regions import regions
from freehold.rent.survey import Survey, Unseen, survey
from freehold.rent.thing import Kind, Thing
from tests.aws.world import World
from tests.rent.leftovers import (
    MADE,
    OTHER_TOKEN,
    TOKEN,
    Leftovers,
    lease,
    of_lease,
    of_others,
    reserve,
)

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def reservations(world: World) -> None:
    """None in the account."""
    reserve(world)


@pytest.fixture
def ours(world: World) -> Leftovers:
    """Of a lease that ends in an hour."""
    return of_lease(world, lease(world.clock() + HOUR))


def surveyed(world: World, token: str | None = None, ledger: str | None = None) -> Survey:
    aws = world.aws()
    return survey(aws, regions(aws), token, ledger)


def only(found: Survey, kind: Kind) -> Thing:
    """The one of that class."""
    (thing,) = [thing for thing in found.found if thing.kind is kind]
    return thing


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_a_thing_of_each_class_is_found_with_its_lease(
    ours: Leftovers, kind: Kind, region: str
) -> None:
    made = ours.make(kind, region)
    found = surveyed(ours.world)
    thing = only(found, kind)
    assert (thing.id, thing.token, thing.deadline) == (made, TOKEN, ours.deadline)
    assert thing.region == (region if kind not in (Kind.ROLE, Kind.PROFILE) else "global")
    assert exit_code(found) == LEFT


@pytest.mark.parametrize("kind", MADE)
def test_a_thing_that_is_not_of_a_lease_is_not_found(world: World, kind: Kind) -> None:
    of_others(world).make(kind)
    found = surveyed(world)
    assert found.found == ()
    assert exit_code(found) == 0


@pytest.mark.parametrize("kind", MADE)
def test_a_thing_of_another_lease_is_not_of_this_one(ours: Leftovers, kind: Kind) -> None:
    ours.make(kind)
    assert surveyed(ours.world, TOKEN).found != ()
    assert surveyed(ours.world, OTHER_TOKEN).found == ()


def test_every_class_is_looked_at_in_every_region_that_is_on(world: World) -> None:
    looked = {(look.kind, look.region) for look in surveyed(world).looked}
    of_regions = set(Kind) - {Kind.ROLE, Kind.PROFILE}
    assert looked == {(kind, region) for kind in of_regions for region in world.regions} | {
        (Kind.ROLE, "global"),
        (Kind.PROFILE, "global"),
    }


def test_an_instance_that_is_shutting_down_is_left_but_bills_no_more(ours: Leftovers) -> None:
    instance = ours.make(Kind.INSTANCE)
    assert only(surveyed(ours.world), Kind.INSTANCE).bills
    ours.world.calls_until_terminated = 5
    ours.world.aws().client("ec2", ours.region).terminate_instances(InstanceIds=[instance])
    thing = only(surveyed(ours.world), Kind.INSTANCE)
    assert (thing.state, thing.bills) == ("shutting-down", False)


def test_an_instance_that_has_ended_is_not_left(ours: Leftovers) -> None:
    instance = ours.make(Kind.INSTANCE)
    ours.world.calls_until_terminated = 0
    ours.world.aws().client("ec2", ours.region).terminate_instances(InstanceIds=[instance])
    assert surveyed(ours.world).found == ()


def test_a_reservation_that_bears_a_lease_bills_until_it_has_expired(world: World) -> None:
    tags = [{"Key": TAG_LEASE, "Value": TOKEN}]
    block = {"TotalInstanceCount": 1, "InstanceType": "p5.48xlarge", "Tags": tags}
    reserve(
        world,
        {"CapacityReservationId": "cr-0000000000000001", "State": "active", **block},
        {"CapacityReservationId": "cr-0000000000000002", "State": "expired", **block},
    )
    found = [thing for thing in surveyed(world).found if thing.region == "us-east-1"]
    assert [(thing.id, thing.bills) for thing in found] == [("cr-0000000000000001", True)]


def test_a_filter_that_the_service_ignores_makes_nothing_ours(world: World) -> None:
    theirs = of_others(world).volume()
    shown = {"VolumeId": theirs, "State": "in-use", "Size": 1, "Tags": []}
    world.handle("ec2", "DescribeVolumes", lambda _: {"Volumes": [shown]})
    assert surveyed(world).found == ()


def test_every_page_of_an_answer_is_read(world: World) -> None:
    tags = [{"Key": TAG_LEASE, "Value": TOKEN}]
    ids = {None: "vol-1", "second": "vol-2", "third": "vol-3"}
    after = {None: "second", "second": "third"}

    def page(call: object) -> dict[str, object]:
        token = call.parameters.get("NextToken")  # type: ignore[attr-defined]
        volume = {"VolumeId": ids[token], "State": "available", "Size": 1, "Tags": tags}
        more = {"NextToken": after[token]} if token in after else {}
        return {"Volumes": [volume], **more}

    world.handle("ec2", "DescribeVolumes", page)
    there = {thing.id for thing in surveyed(world).found}
    assert there == {"vol-1", "vol-2", "vol-3"}


def test_more_roles_than_a_page_holds_are_all_found(ours: Leftovers) -> None:
    for _ in range(103):
        ours.make(Kind.ROLE)
    assert len(surveyed(ours.world).found) == 103


@pytest.mark.parametrize(
    ("action", "kind", "code"),
    [
        ("DescribeInstances", Kind.INSTANCE, UNSEEN),
        ("DescribeVolumes", Kind.VOLUME, UNSEEN),
        ("DescribeSnapshots", Kind.SNAPSHOT, UNSEEN),
        ("DescribeAddresses", Kind.ADDRESS, UNSEEN),
        ("DescribeSpotInstanceRequests", Kind.SPOT_REQUEST, UNSEEN),
        ("DescribeSecurityGroups", Kind.GROUP, 0),
        ("DescribeKeyPairs", Kind.KEY, 0),
    ],
)
def test_a_class_that_may_not_be_looked_at_is_said_and_the_others_are_looked_at(
    ours: Leftovers, action: str, kind: Kind, code: int
) -> None:
    world = ours.world
    world.faults.add(action, "UnauthorizedOperation", region="us-west-2", times=None)
    found = surveyed(world)
    (unseen,) = [unseen for unseen in found.unseen if not unseen.is_off]
    assert (unseen.kind, unseen.region) == (kind, "us-west-2")
    assert "UnauthorizedOperation" in unseen.why
    assert exit_code(found) == code
    ours.make(Kind.VOLUME if kind is not Kind.VOLUME else Kind.ADDRESS, "eu-central-1")
    assert exit_code(surveyed(world)) == LEFT


def test_a_class_that_gives_no_answer_is_not_taken_for_empty(
    ours: Leftovers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rent_aws, "ATTEMPTS", 1)
    ours.make(Kind.INSTANCE)
    ours.world.faults.add("DescribeInstances", when="drop", region=ours.region, times=None)
    found = surveyed(ours.world)
    assert exit_code(found) != 0
    assert (Kind.INSTANCE, ours.region) in {(unseen.kind, unseen.region) for unseen in found.unseen}


def test_a_region_that_is_off_is_said_and_not_asked(world: World) -> None:
    found = surveyed(world)
    off = {unseen.region for unseen in found.unseen}
    assert off == set(world.regions_off)
    assert {call.region for call in world.calls} & off == set()
    assert exit_code(found) == 0


def test_where_regions_may_not_be_listed_those_that_boto3_knows_are_asked_and_it_is_said(
    ours: Leftovers,
) -> None:
    ours.make(Kind.ADDRESS, "eu-central-1")
    ours.world.faults.add("DescribeRegions", "UnauthorizedOperation", times=None)
    found = surveyed(ours.world)
    assert [thing.kind for thing in found.found] == [Kind.ADDRESS]
    assert any("DescribeRegions" not in u.why and u.kind is None for u in found.unseen)
    assert {u.region for u in found.unseen} >= {"eu-west-1", "sa-east-1"}  # off in this world
    assert found.may_hide_bills


def test_an_account_that_cannot_be_asked_is_an_error_and_never_clean(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AwsError, match="Unable to locate credentials"):
        surveyed(world)


def test_a_deadline_that_cannot_be_read_is_none_and_kept_as_it_stands(ours: Leftovers) -> None:
    ours.tags[TAG_DEADLINE] = "next tuesday"
    ours.make(Kind.VOLUME)
    thing = only(surveyed(ours.world), Kind.VOLUME)
    assert (thing.deadline, thing.deadline_text) == (None, "next tuesday")


def test_another_ledgers_lease_is_left_out_with_what_bears_no_tag(world: World) -> None:
    at = world.clock() + HOUR
    mine, theirs = lease(at), lease(at, OTHER_TOKEN, "2222222222222222")
    for one in (mine, theirs):
        left = of_lease(world, one)
        left.make(Kind.GROUP)
        left.make(Kind.SCHEDULE)
    assert {thing.token for thing in surveyed(world, ledger=mine.ledger).found} == {TOKEN}
    assert {thing.token for thing in surveyed(world).found} == {TOKEN, OTHER_TOKEN}


def test_a_schedule_of_an_unknown_ledger_is_everybodys(world: World) -> None:
    left = of_lease(world, lease(world.clock() + HOUR))
    left.make(Kind.SCHEDULE)
    world.iam.roles.clear()
    assert [t.kind for t in surveyed(world, ledger="3" * 16).found] == [Kind.SCHEDULE]


def test_a_role_that_goes_while_it_is_looked_at_is_gone(ours: Leftovers) -> None:
    ours.make(Kind.ROLE)
    ours.world.faults.add("GetRole", "NoSuchEntity", status=404)
    found = surveyed(ours.world)
    assert found.found == ()
    assert exit_code(found) == 0


def test_what_bills_comes_first(ours: Leftovers) -> None:
    for kind in (Kind.KEY, Kind.VOLUME, Kind.GROUP, Kind.INSTANCE):
        ours.make(kind)
    bills = [thing.bills for thing in surveyed(ours.world).found]
    assert bills == sorted(bills, reverse=True)
    assert set(bills) == {True, False}


def test_the_regions_in_which_an_instance_may_live_unseen_are_known() -> None:
    unseen = (
        Unseen(Kind.INSTANCE, "us-east-1", "denied"),
        Unseen(Kind.SCHEDULE, "us-west-2", "denied"),
        Unseen(Kind.KEY, "eu-central-1", "denied"),
        Unseen(None, "ap-east-1", "off", is_off=True),
    )
    among = ("eu-central-1", "us-west-2", "ap-east-1", "us-east-1", "eu-west-1")
    found = Survey(None, (), (), unseen).blind_in(among)
    assert found == ("us-west-2", "ap-east-1", "us-east-1")
