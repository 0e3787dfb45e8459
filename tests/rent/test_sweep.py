"""A sweep deletes what a lease left and no more, and calls gone only what it sees no longer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from freehold.rent.audit import clear, exit_code
from freehold.rent.lease import TAG_DEADLINE, time_text
from freehold.rent.regions import regions
from freehold.rent.survey import survey
from freehold.rent.sweep import ATTEMPTS, Swept, sweep
from freehold.rent.thing import Kind, Thing
from tests.aws.world import World
from tests.rent.leftovers import (
    MADE,
    OTHER_TOKEN,
    TOKEN,
    Leftovers,
    lease,
    never,
    of_lease,
    of_others,
    reserve,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def ours(world: World) -> Leftovers:
    """Of a lease that ends in an hour."""
    reserve(world)
    return of_lease(world, lease(world.clock() + HOUR))


def found_of(world: World, token: str = TOKEN) -> tuple[Thing, ...]:
    aws = world.aws()
    return survey(aws, regions(aws), token).found


def swept(world: World, pause: Callable[[float], None] = never) -> Swept:
    return sweep(world.aws(), found_of(world), lambda _: None, pause=pause)


def why(done: Swept) -> dict[Kind, str]:
    return {rest.thing.kind: rest.why for rest in done.left}


def test_everything_that_a_lease_left_goes_in_one_sweep(ours: Leftovers) -> None:
    for kind in (*MADE, Kind.GROUP):
        ours.make(kind, "us-west-2" if kind is Kind.GROUP else "us-east-1")
    group = ours.group()
    ours.instance(SecurityGroupIds=[group])
    things = found_of(ours.world)
    done = swept(ours.world)
    assert done.left == ()
    assert set(done.gone) == set(things)
    assert found_of(ours.world) == ()


@pytest.mark.parametrize("kind", MADE)
def test_what_is_not_of_the_lease_stays_as_it_is(world: World, kind: Kind) -> None:
    reserve(world)
    at = world.clock() + HOUR
    mine = of_lease(world, lease(at))
    of_others(world).make(kind)
    of_lease(world, lease(at, OTHER_TOKEN)).make(kind)
    before = set(world.left())
    mine.make(kind)
    swept(world)
    assert set(world.left()) == before


def test_a_group_that_is_still_in_use_is_tried_again(ours: Leftovers) -> None:
    ours.make(Kind.GROUP)
    ours.world.faults.add("DeleteSecurityGroup", "DependencyViolation", times=3)
    paused: list[float] = []
    assert swept(ours.world, paused.append).left == ()
    assert len(paused) == 3  # of five looks the first two follow at once


def test_a_group_that_stays_in_use_is_left_and_not_called_removed(ours: Leftovers) -> None:
    ours.make(Kind.GROUP)
    ours.world.faults.add("DeleteSecurityGroup", "DependencyViolation", times=None)
    done = swept(ours.world)
    assert "DependencyViolation" in why(done)[Kind.GROUP]
    assert done.gone == ()
    tried = sum(call.action == "DeleteSecurityGroup" for call in ours.world.calls)
    assert tried == ATTEMPTS


def test_an_answer_of_success_is_no_deletion(ours: Leftovers) -> None:
    ours.make(Kind.VOLUME)
    ours.world.handle("ec2", "DeleteVolume", lambda _: {})
    done = swept(ours.world)
    assert why(done)[Kind.VOLUME] == "AWS took the order to delete it, and still shows it"
    assert done.gone == ()


def test_a_deletion_whose_answer_was_lost_is_one(ours: Leftovers) -> None:
    ours.make(Kind.VOLUME)
    ours.world.faults.add("DeleteVolume", when="timeout")
    assert [thing.kind for thing in swept(ours.world).gone] == [Kind.VOLUME]


def test_what_may_not_be_deleted_is_asked_for_once_and_the_rest_goes(ours: Leftovers) -> None:
    for kind in (Kind.KEY, Kind.VOLUME, Kind.GROUP):
        ours.make(kind)
    ours.world.faults.add("DeleteVolume", "UnauthorizedOperation", times=None)
    done = swept(ours.world)
    assert {thing.kind for thing in done.gone} == {Kind.KEY, Kind.GROUP}
    assert "UnauthorizedOperation" in why(done)[Kind.VOLUME]
    assert sum(call.action == "DeleteVolume" for call in ours.world.calls) == 1


def test_what_cannot_be_looked_at_is_not_deleted(ours: Leftovers) -> None:
    ours.make(Kind.VOLUME)
    things = found_of(ours.world)
    ours.world.faults.add("DescribeVolumes", "UnauthorizedOperation", times=None)
    done = sweep(ours.world.aws(), things, lambda _: None, pause=never)
    assert "cannot be looked at" in why(done)[Kind.VOLUME]
    assert not any(call.action == "DeleteVolume" for call in ours.world.calls)


def test_an_instance_that_cannot_be_ended_keeps_all_that_would_end_it(ours: Leftovers) -> None:
    for kind in (Kind.INSTANCE, Kind.SCHEDULE, Kind.PROFILE, Kind.ROLE, Kind.KEY):
        ours.make(kind)
    ours.world.faults.add("TerminateInstances", "OperationNotPermitted", times=None)
    done = swept(ours.world)
    left = why(done)
    assert set(left) == {Kind.INSTANCE, Kind.VOLUME, Kind.SCHEDULE, Kind.PROFILE, Kind.ROLE}
    assert "is there" in left[Kind.SCHEDULE]
    assert {thing.kind for thing in done.gone} >= {Kind.KEY}


def test_a_volume_in_use_keeps_what_would_end_the_instance_that_is_not_described_yet(
    ours: Leftovers,
) -> None:
    ours.make(Kind.SCHEDULE)
    ours.world.calls_until_described = 10
    machine = ours.make(Kind.INSTANCE)
    done = swept(ours.world)
    assert not any(thing.id == machine for thing in done.gone)
    assert "is there" in why(done)[Kind.SCHEDULE]
    assert Kind.ROLE in why(done)


def test_what_is_held_by_an_instance_that_is_left_is_not_asked_for(ours: Leftovers) -> None:
    ours.make(Kind.INSTANCE)
    free = ours.make(Kind.VOLUME)
    ours.world.faults.add("TerminateInstances", "OperationNotPermitted", times=None)
    done = swept(ours.world)
    assert [thing.id for thing in done.gone] == [free]
    assert "may hold on to it" in why(done)[Kind.VOLUME]
    assert sum(call.action == "DeleteVolume" for call in ours.world.calls) == 1


def test_a_schedule_stays_while_nobody_can_say_whether_its_instance_lives(
    ours: Leftovers,
) -> None:
    ours.make(Kind.SCHEDULE)
    ours.world.faults.add("DescribeInstances", "UnauthorizedOperation", times=None)
    done = swept(ours.world)
    assert "it may be what ends an instance" in why(done)[Kind.SCHEDULE]
    assert Kind.ROLE in why(done)


def test_a_role_stays_while_a_region_of_its_lease_cannot_be_looked_at(ours: Leftovers) -> None:
    ours.make(Kind.ROLE)
    ours.world.faults.add(
        "DescribeInstances", "UnauthorizedOperation", region="us-west-2", times=None
    )
    cleared = clear(ours.world.aws(), TOKEN, ["us-east-1", "us-west-2"], lambda _: None)
    assert "us-west-2" in why(cleared.swept)[Kind.ROLE]
    elsewhere = clear(ours.world.aws(), TOKEN, ["us-east-1"], lambda _: None)
    assert elsewhere.swept.left == ()
    assert elsewhere.survey.is_clean
    assert exit_code(elsewhere.survey) == 2


def test_a_thing_whose_lease_was_renewed_since_it_was_found_is_left(ours: Leftovers) -> None:
    volume = ours.make(Kind.VOLUME)
    things = found_of(ours.world)
    later = time_text(ours.world.clock() + 9 * HOUR)
    ours.world.aws().client("ec2", ours.region).create_tags(
        Resources=[volume], Tags=[{"Key": TAG_DEADLINE, "Value": later}]
    )
    done = sweep(ours.world.aws(), things, lambda _: None, pause=never)
    assert why(done)[Kind.VOLUME] == "its lease was renewed meanwhile"


def test_a_capacity_reservation_is_left_with_the_reason(world: World) -> None:
    tags = [{"Key": "freehold:lease", "Value": TOKEN}]
    reserve(
        world,
        {
            "CapacityReservationId": "cr-0000000000000001",
            "State": "active",
            "Tags": tags,
        },
    )
    assert "bought apart" in why(swept(world))[Kind.RESERVATION]


def test_sweeping_again_changes_nothing(ours: Leftovers) -> None:
    for kind in (Kind.INSTANCE, Kind.SCHEDULE, Kind.ROLE):
        ours.make(kind)
    things = found_of(ours.world)
    sweep(ours.world.aws(), things, lambda _: None, pause=never)
    before = len(ours.world.calls)
    again = sweep(ours.world.aws(), things, lambda _: None, pause=never)
    assert set(again.gone) == set(things)
    changed = [
        call.action
        for call in ours.world.calls[before:]
        if not call.action.startswith(("Describe", "Get", "List"))
    ]
    assert changed == []


def test_a_sweep_that_was_cut_off_anywhere_goes_on_where_it_was(world: World) -> None:
    reserve(world)
    calls = 0
    while True:
        left = of_lease(world, lease(world.clock() + HOUR))
        for kind in (Kind.INSTANCE, Kind.GROUP, Kind.SCHEDULE, Kind.PROFILE):
            left.made.append(str(calls))  # other names than the last time
            left.make(kind)
        calls += 1
        if _swept_to_the_end(world, calls):
            break
        assert swept(world).left == ()
        assert found_of(world) == ()
    assert calls > 8


class _Killed(BaseException):
    """As kill -9 has it: nothing is cleaned up."""


def _swept_to_the_end(world: World, changes: int) -> bool:
    """A sweep that is cut off after so many calls that change something."""
    things, aws = found_of(world), world.aws()
    left = [changes]

    def client(service: str, region: str) -> object:
        found = real(service, region)

        def count(model: Any, **_: object) -> None:
            # Cut off after a mere look it is where it was after the change before that.
            if not model.name.startswith(("Describe", "Get", "List")):
                left[0] -= 1
                if left[0] == 0:
                    raise _Killed

        found.meta.events.register("after-call", count, unique_id="the test's")
        return found

    real = aws.client
    aws.client = client  # type: ignore[method-assign]
    try:
        sweep(aws, things, lambda _: None, pause=never)
    except _Killed:
        return False
    return True
