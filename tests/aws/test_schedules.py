"""Schedules that fire: what they end, and what stops them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.aws.asking import HOME, TOKEN, refusal
from tests.aws.world import World

ASSUME = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "scheduler.amazonaws.com"},
        }
    ],
}
RIGHTS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["ssm:StartAutomationExecution", "ec2:Describe*", "ec2:TerminateInstances"],
            "Resource": "*",
        }
    ],
}


def role(world: World, rights: dict[str, Any] | None) -> str:
    iam = world.aws().client("iam", HOME)
    made = iam.create_role(RoleName="ends", AssumeRolePolicyDocument=json.dumps(ASSUME))["Role"]
    if rights:
        text = json.dumps(rights)
        iam.put_role_policy(RoleName="ends", PolicyName="rights", PolicyDocument=text)
    return str(made["Arn"])


def schedule(world: World, role_arn: str, **others: Any) -> None:
    asked = {
        "DocumentName": "AWS-TerminateEC2Instance",
        "TargetParameterName": "InstanceId",
        "Targets": [{"Key": "tag:freehold:lease", "Values": [TOKEN]}],
        "MaxConcurrency": "10",
        "MaxErrors": "10",
    }
    world.aws().client("scheduler", HOME).create_schedule(
        Name="freehold-x",
        ScheduleExpression=f"at({world.clock().replace(tzinfo=None).isoformat()})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:ssm:startAutomationExecution",
            "RoleArn": role_arn,
            "Input": json.dumps({**asked, **others}),
        },
    )


def test_a_due_schedule_ends_the_tagged_instances_and_only_those(
    world: World, launch: Callable[..., str]
) -> None:
    ours, other = launch(), launch(TagSpecifications=[])
    world.clock.advance(hours=1)
    schedule(world, role(world, RIGHTS))
    world.clock.advance(seconds=-1)
    assert world.fire_schedules() == ()
    world.clock.advance(seconds=1)
    (fired,) = world.fire_schedules()
    assert fired.ended == (ours,)
    assert [machine.id for machine in world.billing()] == [other]
    assert "schedule freehold-x" not in world.left()


def test_a_schedule_does_nothing_by_a_role_without_the_rights(
    world: World, launch: Callable[..., str]
) -> None:
    launch()
    schedule(world, role(world, None))
    (fired,) = world.fire_schedules()
    assert "ec2:TerminateInstances" in fired.denied
    assert len(world.billing()) == 1


def test_a_schedule_needs_a_role_that_is_the_schedulers_to_take(world: World) -> None:
    make = lambda: schedule(world, "arn:aws:iam::1:role/nobody")  # noqa: E731
    assert refusal(make) == "ValidationException"


def test_a_target_that_the_world_does_not_understand_is_an_error(world: World) -> None:
    schedule(world, role(world, RIGHTS), DocumentName="AWS-StopEC2Instance")
    with pytest.raises(AssertionError, match="AWS-StopEC2Instance"):
        world.fire_schedules()


def test_a_schedule_whose_answer_was_lost_is_made_once(world: World) -> None:
    world.faults.add("CreateSchedule", when="timeout")
    schedule(world, role(world, RIGHTS))
    assert [thing for thing in world.left() if thing.startswith("schedule")] == [
        "schedule freehold-x"
    ]
