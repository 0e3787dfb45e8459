"""EventBridge Scheduler's part: schedules that fire, by a role that must be allowed to."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tests.aws.answer import Answer, Refusal
from tests.aws.call import Call
from tests.aws.machines import BY_USER, end
from tests.aws.policy import allows

if TYPE_CHECKING:
    from tests.aws.world import CarryOut, Rule, World

AUTOMATION = "arn:aws:scheduler:::aws-sdk:ssm:startAutomationExecution"
DOCUMENT = "AWS-TerminateEC2Instance"
NEEDED = (
    "ssm:StartAutomationExecution",
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceStatus",
    "ec2:TerminateInstances",
)
"""What that document does in its caller's name (source: its steps in AWS's runbook reference)."""

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")


@dataclass(frozen=True)
class Fired:
    """What came of one schedule: the instances that it ended, or what its role lacked."""

    region: str
    name: str
    ended: tuple[str, ...]
    denied: tuple[str, ...]


def create_schedule(world: World, call: Call, carry_out: CarryOut) -> Answer:
    """Once for a client token; its role must be there, and be the scheduler's to take."""
    token = call.parameters.get("ClientToken")
    known = world.scheduled.get((call.region, token)) if token else None
    if known:
        if known[0] != call.parameters:
            raise Refusal("ConflictException", "The client token was used with other parameters")
        return known[1]
    _check(world, call)
    answer = carry_out()
    if answer.status == 200 and token:
        world.scheduled[call.region, token] = (call.parameters, answer)
    return answer


def update_schedule(world: World, call: Call, carry_out: CarryOut) -> Answer:
    """It replaces all that the schedule says: what is left out is back at its default."""
    _check(world, call)
    answer = carry_out()
    if answer.status == 200:
        asked = call.parameters
        group = world.scheduler(call.region).schedule_groups[asked.get("GroupName") or "default"]
        schedule = group.schedules[asked["Name"]]
        schedule.action_after_completion = asked.get("ActionAfterCompletion") or "NONE"
        schedule.state = asked.get("State") or "ENABLED"
    return answer


def fire(world: World) -> tuple[Fired, ...]:
    """Those that are enabled and due by the world's clock. A target of another kind raises."""
    fired = []
    for region in world.regions:
        for group in world.scheduler(region).schedule_groups.values():
            for schedule in list(group.schedules.values()):
                if schedule.state == "ENABLED" and _time_of(schedule) <= world.clock():
                    fired.append(_fire_one(world, region, schedule))
                    if schedule.action_after_completion == "DELETE":
                        del group.schedules[schedule.name]
                    else:
                        schedule.state = "DISABLED"  # it never fires twice
    return tuple(fired)


def _fire_one(world: World, region: str, schedule: Any) -> Fired:
    target = schedule.target
    assert target["Arn"] == AUTOMATION, f"the world knows no target {target['Arn']}"
    asked = json.loads(target["Input"])
    known = {
        "DocumentName",
        "TargetParameterName",
        "Targets",
        "MaxConcurrency",
        "MaxErrors",
    }
    assert set(asked) <= known, f"the world does not know {set(asked) - known}"
    assert asked["DocumentName"] == DOCUMENT, asked
    assert asked["TargetParameterName"] == "InstanceId", asked
    (by,) = asked["Targets"]
    assert by["Key"].startswith("tag:"), asked
    policies = world.policies_of_role(target["RoleArn"].rpartition("/")[2])
    denied = tuple(action for action in NEEDED if not allows(policies, action))
    hit = [
        instance
        for instance in world.ec2(region).all_instances()
        if instance.state not in ("shutting-down", "terminated")
        and world.tags_of(instance).get(by["Key"].removeprefix("tag:")) in by["Values"]
    ]
    # AWS runs as many at once as it was told; too small a number only makes it slower.
    ended = () if denied else tuple(instance.id for instance in hit)
    for instance in hit if not denied else []:
        if instance.disable_api_termination is True:
            continue
        end(world, instance, BY_USER)
        world.on_end(instance.id)
    return Fired(region, schedule.name, ended, denied)


def _time_of(schedule: Any) -> datetime:
    found = _AT.fullmatch(schedule.schedule_expression)
    assert found, f"the world fires one-time schedules only, not {schedule.schedule_expression}"
    zone = ZoneInfo(schedule.schedule_expression_timezone or "UTC")
    return datetime.fromisoformat(found[1]).replace(tzinfo=zone)


def _check(world: World, call: Call) -> None:
    expression = call.parameters["ScheduleExpression"]
    if expression.startswith("at(") and not _AT.fullmatch(expression):
        raise Refusal("ValidationException", f"Invalid Schedule Expression {expression}.")
    name = call.parameters["Target"]["RoleArn"].rpartition("/")[2]
    role = next((role for role in world.iam.roles.values() if role.name == name), None)
    trusted = str(role.assume_role_policy_document) if role else ""
    if "scheduler.amazonaws.com" not in trusted:
        raise Refusal(
            "ValidationException",
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the "
            "role.",
        )


RULES: dict[str, Rule] = {"CreateSchedule": create_schedule, "UpdateSchedule": update_schedule}
