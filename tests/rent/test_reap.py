"""What outlives its deadline is ended by its tags, with no ledger and nothing but rights on AWS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.rent.lease import TAG_DEADLINE
from freehold.rent.reap import Reaped, reap, sort
from freehold.rent.reap_words import reaped_data, reaped_exit_code, reaped_lines
from freehold.rent.regions import regions
from freehold.rent.rights import reap_policy
from freehold.rent.thing import Kind, Thing
from tests.aws.world import World
from tests.rent.leftovers import (
    OTHER_TOKEN,
    TOKEN,
    Leftovers,
    lease,
    never,
    of_lease,
    of_others,
    reserve,
)

NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def ours(world: World) -> Leftovers:
    """Of a lease that ends in an hour."""
    reserve(world)
    return of_lease(world, lease(world.clock() + HOUR))


def reaped(world: World, ledger: str | None = None, *, is_dry_run: bool = False) -> Reaped:
    aws = world.aws()
    return reap(aws, regions(aws), world.clock(), ledger, is_dry_run=is_dry_run, pause=never)


def test_an_instance_past_its_deadline_is_ended_in_every_region(ours: Leftovers) -> None:
    for region in ours.world.regions:
        ours.make(Kind.INSTANCE, region)
    assert reaped(ours.world).sorted.over == ()
    assert len(ours.world.billing()) == len(ours.world.regions)
    ours.world.clock.advance(hours=1)
    done = reaped(ours.world)
    assert ours.world.billing() == ()
    assert reaped_exit_code(done) == 0


def test_the_other_leases_and_what_is_of_nobody_run_on(ours: Leftovers) -> None:
    world = ours.world
    later = of_lease(world, lease(world.clock() + 5 * HOUR, OTHER_TOKEN)).make(Kind.INSTANCE)
    theirs = of_others(world).make(Kind.INSTANCE)
    ours.make(Kind.INSTANCE)
    world.clock.advance(hours=2)
    reaped(world)
    assert {machine.id for machine in world.billing()} == {later, theirs}


def test_all_that_is_around_an_ended_instance_goes_with_it(ours: Leftovers) -> None:
    before = ours.world.left()
    for kind in (Kind.INSTANCE, Kind.VOLUME, Kind.GROUP, Kind.KEY, Kind.SCHEDULE, Kind.PROFILE):
        ours.make(kind)
    ours.world.clock.advance(hours=2)
    assert reaped(ours.world).is_done
    assert ours.world.left() == before


def test_it_needs_no_more_than_its_own_policy_allows(ours: Leftovers) -> None:
    before = ours.world.left()
    for kind in (Kind.INSTANCE, Kind.VOLUME, Kind.SNAPSHOT, Kind.ADDRESS, Kind.INTERFACE):
        ours.make(kind)
    for kind in (Kind.GROUP, Kind.KEY, Kind.SCHEDULE, Kind.PROFILE, Kind.ROLE, Kind.SPOT_REQUEST):
        ours.make(kind)
    ours.world.clock.advance(hours=2)
    ours.world.allow_only(reap_policy())
    done = reaped(ours.world)
    assert done.is_done
    assert reaped_exit_code(done) == 0
    assert ours.world.left() == before


@pytest.mark.parametrize("text", ["", "soon", "2026-11-24", "2026-13-01T00:00:00Z"])
def test_an_instance_that_does_not_say_until_when_is_reported_and_runs_on(
    ours: Leftovers, text: str
) -> None:
    ours.tags[TAG_DEADLINE] = text
    instance = ours.make(Kind.INSTANCE)
    ours.world.clock.advance(hours=2)
    done = reaped(ours.world)
    assert len(ours.world.billing()) == 1
    assert reaped_exit_code(done) == 1
    told = "\n".join(reaped_lines(done, ours.world.clock()))
    assert f"--instance-ids {instance}" in told
    assert "NOT ended" in told


def test_an_instance_that_cannot_be_ended_is_said_and_the_others_are_ended(
    ours: Leftovers,
) -> None:
    protected = ours.make(Kind.INSTANCE, "us-east-1")
    ours.make(Kind.INSTANCE, "us-west-2")
    ours.world.faults.add(
        "TerminateInstances", "OperationNotPermitted", region="us-east-1", times=None
    )
    ours.world.clock.advance(hours=2)
    done = reaped(ours.world)
    assert [machine.id for machine in ours.world.billing()] == [protected]
    assert reaped_exit_code(done) == 1
    assert "--no-disable-api-termination" in "\n".join(reaped_lines(done, ours.world.clock()))


def test_a_dry_run_changes_nothing_and_says_what_is_over(ours: Leftovers) -> None:
    ours.make(Kind.INSTANCE)
    ours.world.clock.advance(hours=2)
    before = len(ours.world.calls)
    done = reaped(ours.world, is_dry_run=True)
    changing = [
        call.action
        for call in ours.world.calls[before:]
        if not call.action.startswith(("Describe", "Get", "List"))
    ]
    assert changing == []
    assert reaped_exit_code(done) == 1
    assert next(thing["kind"] for thing in reaped_data(done)["over"]) == "instance"


def test_another_ledgers_instances_are_left_to_it(ours: Leftovers) -> None:
    world = ours.world
    theirs = of_lease(world, lease(world.clock(), OTHER_TOKEN, "2" * 16)).make(Kind.INSTANCE)
    ours.make(Kind.INSTANCE)
    world.clock.advance(hours=2)
    reaped(world, ours.tags["freehold:ledger"])
    assert [machine.id for machine in world.billing()] == [theirs]


def test_a_region_that_could_not_be_looked_at_is_no_success(ours: Leftovers) -> None:
    ours.make(Kind.INSTANCE, "us-west-2")
    ours.world.faults.add(
        "DescribeInstances", "UnauthorizedOperation", region="us-west-2", times=None
    )
    ours.world.clock.advance(hours=2)
    assert reaped_exit_code(reaped(ours.world)) != 0


def thing(kind: Kind, hours: int | None, token: str = TOKEN) -> Thing:
    """With a deadline so many hours from now."""
    deadline = None if hours is None else NOW + hours * HOUR
    return Thing(kind, f"{kind}-{hours}-{token}", "us-east-1", token, deadline, kind.can_bill)


def test_a_renewed_leases_group_is_no_leftover_though_its_own_tag_has_passed() -> None:
    things = [thing(Kind.INSTANCE, 3), thing(Kind.GROUP, -1)]
    assert sort(things, NOW).over == ()


def test_what_is_left_of_a_lease_is_over_with_the_last_of_its_deadlines() -> None:
    assert sort([thing(Kind.GROUP, -2), thing(Kind.SCHEDULE, 1)], NOW).over == ()
    assert len(sort([thing(Kind.GROUP, -2), thing(Kind.SCHEDULE, -1)], NOW).over) == 2


def test_an_instance_is_over_by_its_own_deadline_whatever_the_rest_says() -> None:
    instance, schedule = thing(Kind.INSTANCE, -1), thing(Kind.SCHEDULE, 5)
    assert sort([instance, schedule], NOW).over == (instance,)


things = st.lists(
    st.builds(
        thing,
        st.sampled_from(Kind),
        st.one_of(st.none(), st.integers(-5, 5)),
        st.sampled_from([TOKEN, OTHER_TOKEN, ""]),
    ),
    max_size=12,
)


@given(things)
def test_each_thing_is_over_or_running_or_says_nothing_and_none_is_lost(
    found: list[Thing],
) -> None:
    of_time = sort(found, NOW)
    everything = [*of_time.over, *of_time.running, *of_time.unreadable]
    assert sorted(map(str, everything)) == sorted(map(str, found))


@given(things)
def test_every_instance_past_its_deadline_is_over_and_no_other_is(found: list[Thing]) -> None:
    over = {one for one in sort(found, NOW).over if one.kind is Kind.INSTANCE}
    passed = {
        one
        for one in found
        if one.kind is Kind.INSTANCE and one.deadline is not None and one.deadline <= NOW
    }
    assert over == passed


@given(things)
def test_nothing_is_over_beside_an_instance_of_its_lease_that_still_has_time(
    found: list[Thing],
) -> None:
    living = {
        one.token
        for one in found
        if one.kind is Kind.INSTANCE and one.deadline is not None and one.deadline > NOW
    }
    over = sort(found, NOW).over
    assert [one for one in over if one.kind is not Kind.INSTANCE and one.token in living] == []
