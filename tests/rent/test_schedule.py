"""The schedule that ends an instance: asked for before there is one, and it does end it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from freehold.rent.aws import AwsError
from tests.aws.world import World
from tests.rent.stage import P5, Stage, make_schedule, offer, staged


@pytest.fixture
def stage(world: World, tmp_path: Path) -> Stage:
    return staged(world, tmp_path, [offer(P5), offer(P5, "us-west-2a")])


def again(stage: Stage, **changes: object) -> None:
    """The schedule of the first region is another one."""
    client = stage.world.aws().client("scheduler", "us-east-1")
    client.delete_schedule(Name=stage.lease.name)
    make_schedule(stage.world, "us-east-1", stage.lease, **changes)


def test_it_ends_what_was_launched_after_it_was_made(stage: Stage) -> None:
    made = stage.launch()
    stage.world.clock.set(stage.lease.deadline)
    fired = {each.region: each for each in stage.world.fire_schedules()}
    assert fired["us-east-1"].ended == (made.instance_id,)
    assert fired["us-east-1"].denied == ()
    assert stage.billing == ()


def test_it_ends_nothing_before_the_deadline_and_nothing_of_others(stage: Stage) -> None:
    made = stage.launch()
    (other,) = (
        stage.world.aws()
        .client("ec2", "us-east-1")
        .run_instances(
            ImageId=stage.world.image("us-east-1"), InstanceType=P5, MinCount=1, MaxCount=1
        )["Instances"]
    )
    stage.world.clock.set(stage.lease.deadline - timedelta(seconds=1))
    assert stage.world.fire_schedules() == ()
    assert stage.billing == (made.instance_id,)
    stage.world.clock.advance(seconds=1)
    stage.world.fire_schedules()
    assert [machine.id for machine in stage.world.billing()] == [other["InstanceId"]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"State": "DISABLED"}, "state DISABLED"),
        ({"ScheduleExpression": "at(2099-01-01T00:00:00)"}, "2099"),
        ({"ScheduleExpression": "rate(1 hour)"}, "rate"),
        ({"ScheduleExpressionTimezone": "America/New_York"}, "America/New_York"),
    ],
)
def test_without_one_that_fires_in_time_nothing_is_made(
    stage: Stage, changes: dict[str, str], said: str
) -> None:
    again(stage, **changes)
    with pytest.raises(AwsError, match=said):
        stage.launch()
    assert stage.calls("RunInstances") == []
    assert stage.acts == ["intent"]


def test_one_that_ends_others_is_none_of_ours(stage: Stage) -> None:
    client = stage.world.aws().client("scheduler", "us-east-1")
    target = client.get_schedule(Name=stage.lease.name)["Target"]
    theirs = target["Input"].replace(stage.lease.token, "0" * 16)
    again(stage, Target={**target, "Input": theirs})
    with pytest.raises(AwsError, match="not ours"):
        stage.launch()


def test_one_that_fires_too_early_would_end_it_before_its_time(stage: Stage) -> None:
    early = stage.lease.deadline - timedelta(hours=1)
    again(stage, ScheduleExpression=f"at({early:%Y-%m-%dT%H:%M:%S})")
    with pytest.raises(AwsError, match="expected it to end"):
        stage.launch()


def test_one_that_is_not_there_is_waited_for_and_then_said(stage: Stage) -> None:
    with pytest.raises(AwsError, match="us-east-1: schedule freehold-gone"):
        stage.launch(schedules={"us-east-1": "freehold-gone"})
    assert 30 <= sum(stage.paused_s) < 60


def test_one_that_appears_a_little_later_is_found(stage: Stage) -> None:
    stage.world.faults.add("GetSchedule", "ResourceNotFoundException", times=3)
    assert stage.launch().region == "us-east-1"


def test_each_regions_own_is_asked_for_once(stage: Stage) -> None:
    stage.world.faults.add("RunInstances", "InsufficientInstanceCapacity")
    stage.launch()
    assert [call.region for call in stage.calls("GetSchedule")] == ["us-east-1", "us-west-2"]
