"""The switch in AWS: a one-time schedule that ends whatever bears the lease's tag."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from freehold.rent.aws import Aws, AwsError, calling
from freehold.rent.lease import TAG_LEASE, time_text

TARGET_ARN = "arn:aws:scheduler:::aws-sdk:ssm:startAutomationExecution"
DOCUMENT = "AWS-TerminateEC2Instance"
"""AWS's own automation; it takes instances by tag, so it can be there before they are."""
TIMEZONE = "UTC"
FLEXIBLE_WINDOW = "OFF"
AFTER_COMPLETION = "DELETE"

APPEARS_S = 30
"""How long a schedule that was just made may be unknown to GetSchedule."""
_POLL_S = 3
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")


def expression(deadline: datetime) -> str:
    """When it fires: at(2026-11-24T18:00:00), in UTC; AWS keeps it to the minute.

    Source: EventBridge Scheduler, "One-time schedules".
    """
    return f"at({time_text(deadline).removesuffix('Z')})"


def target_input(token: str) -> str:
    """What StartAutomationExecution is called with, as JSON: all instances of the lease at once."""
    return json.dumps(
        {
            "DocumentName": DOCUMENT,
            "TargetParameterName": "InstanceId",
            "Targets": [{"Key": f"tag:{TAG_LEASE}", "Values": [token]}],
            "MaxConcurrency": "10",
            "MaxErrors": "10",
        }
    )


def trust_policy() -> str:
    """Who may take the schedule's role, as JSON: EventBridge Scheduler alone."""
    return _policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    )


def role_policy(token: str) -> str:
    """What the schedule's role may do, as JSON: run that document, and end the lease's instances.

    The automation works in its caller's name (source: Systems Manager, "Setting up Automation":
    without an assume role it uses the context of whoever started it). What finds the targets of a
    tag is as in AWS's own AWS-SystemsManager-AutomationExecutionRole.
    """
    return _policy(
        {
            "Effect": "Allow",
            "Action": "ssm:StartAutomationExecution",
            "Resource": [
                f"arn:aws:ssm:*:*:document/{DOCUMENT}",
                f"arn:aws:ssm:*:*:automation-definition/{DOCUMENT}:*",
                "arn:aws:ssm:*:*:automation-execution/*",
            ],
        },
        {
            "Effect": "Allow",
            "Action": [
                "ec2:DescribeInstances",
                "ec2:DescribeInstanceStatus",
                "resource-groups:ListGroupResources",
                "ssm:GetAutomationExecution",
                "tag:GetResources",
            ],
            "Resource": "*",  # these know no narrower one
        },
        {
            "Effect": "Allow",
            "Action": "ec2:TerminateInstances",
            "Resource": "arn:aws:ec2:*:*:instance/*",
            "Condition": {"StringEquals": {f"aws:ResourceTag/{TAG_LEASE}": token}},
        },
    )


def require_schedule(
    aws: Aws,
    region: str,
    name: str,
    token: str,
    earliest: datetime,
    latest: datetime,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Raises AwsError unless the region's schedule will end the lease's instances between the two
    times: it is asked for before there is anything to end."""
    place = f"{region}: schedule {name}"
    found = _get(aws, region, name, place, pause)
    wrong = list(_wrong(found, token, earliest, latest))
    if wrong:
        raise AwsError.of(
            place,
            "expected it to end this lease's instances, found\n" + "\n".join(wrong),
            "pulumi up --refresh puts it right; no instance is made without it",
        )


def _get(
    aws: Aws, region: str, name: str, place: str, pause: Callable[[float], None]
) -> dict[str, Any]:
    waited_s = 0
    while True:
        try:
            with calling(f"{place}: GetSchedule"):
                answer: dict[str, Any] = aws.client("scheduler", region).get_schedule(Name=name)
                return answer
        except AwsError as error:
            if error.code != "ResourceNotFoundException" or waited_s >= APPEARS_S:
                raise
        pause(_POLL_S)
        waited_s += _POLL_S


def _wrong(found: dict[str, Any], token: str, earliest: datetime, latest: datetime) -> list[str]:
    """What is not as it must be, a line each."""
    wrong = []
    if found["State"] != "ENABLED":
        wrong.append(f"state {found['State']}, not ENABLED")
    fires_at = _fires_at(found)
    if fires_at is None or not earliest <= fires_at <= latest:
        said = f"{found['ScheduleExpression']} {found.get('ScheduleExpressionTimezone', TIMEZONE)}"
        wrong.append(f"{said}, not {expression(earliest)} {TIMEZONE}")
    target = found["Target"]
    if target["Arn"] != TARGET_ARN or json.loads(target["Input"]) != json.loads(
        target_input(token)
    ):
        wrong.append("a target that is not ours")
    return wrong


def _fires_at(found: dict[str, Any]) -> datetime | None:
    """None where it is not once, or not in UTC."""
    match = _AT.fullmatch(found["ScheduleExpression"])
    if match is None or found.get("ScheduleExpressionTimezone", TIMEZONE) != TIMEZONE:
        return None
    return datetime.fromisoformat(match[1]).replace(tzinfo=UTC)


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=1)
