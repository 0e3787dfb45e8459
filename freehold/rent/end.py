"""Ending an instance: asked for as often as it takes, and over only when AWS says terminated."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from freehold.rent.aws import Aws, AwsError, calling
from freehold.rent.survey_ec2 import every_page

Pause = Callable[[float], None]

POLL_S = 5.0
POLLS = 240
"""Twenty minutes: a machine of eight GPUs takes several to shut down."""
UNKNOWN_POLLS = 3
"""As many times in a row must AWS not know an instance: one made just now it may not know yet."""
VOLUME_POLLS = 12
NOT_FOUND = "InvalidInstanceID.NotFound"
PROTECTED = "OperationNotPermitted"

_STATED_AT = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")


@dataclass(frozen=True)
class Ended:
    """An instance that is no more.

    `ended_at` is when AWS says that it was told to end, else when it was first seen terminated;
    None where AWS no longer knows the instance. `cause` is AWS's word for who ended it.
    `volumes_gone` were on it and have been seen to be deleted; `volumes_left` have not.
    """

    instance_id: str
    region: str
    ended_at: datetime | None
    cause: str
    volumes_gone: tuple[str, ...] = ()
    volumes_left: tuple[str, ...] = ()


def end_instance(
    aws: Aws,
    region: str,
    instance_id: str,
    on_state: Callable[[str], None],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    pause: Pause = time.sleep,
) -> Ended:
    """Terminate the instance and wait until it is; one that is already, or never was, is ended.

    `on_state` hears of each state once. Raises AwsError where AWS refuses, cannot be asked, or
    takes longer than twenty minutes; to call it again is always right.
    """
    said, unknown = "", 0
    volumes: dict[str, bool] = {}
    for poll in range(POLLS):
        if poll:
            pause(POLL_S)
        instance = _described(aws, region, instance_id)
        if instance is None:
            unknown += 1
            if unknown == UNKNOWN_POLLS:
                return Ended(instance_id, region, None, "AWS knows no such instance")
            ask_to_end(aws, region, instance_id)
            continue
        unknown = 0
        volumes |= _volumes(instance)
        state = str(instance["State"]["Name"])
        if state != said:
            said = state
            on_state(state)
        if state == "terminated":
            gone, left = _gone_and_left(aws, region, volumes, pause)
            return Ended(
                instance_id, region, _ended_at(instance) or clock(), _cause(instance), gone, left
            )
        if state != "shutting-down":
            ask_to_end(aws, region, instance_id)
    raise AwsError.of(
        f"{region}: {instance_id}",
        f"expected it to be terminated within {POLLS * POLL_S / 60:.0f} minutes, "
        f"found it {said or 'not known'}",
        f"{command_to_end(region, instance_id)}; it is not billed while it is shutting down",
    )


def ask_to_end(aws: Aws, region: str, instance_id: str) -> None:
    """Tell AWS to terminate it, and wait for nothing. Raises AwsError where AWS refuses."""
    place = f"{region}: {instance_id}: TerminateInstances"
    try:
        with calling(place):
            aws.client("ec2", region).terminate_instances(InstanceIds=[instance_id])
    except AwsError as error:
        if error.code == NOT_FOUND:
            return
        if error.code == PROTECTED:
            raise AwsError.coded(
                error.code,
                place,
                error.problems[0].message,
                command_to_unprotect(region, instance_id),
            ) from None
        raise


def command_to_end(region: str, instance_id: str) -> str:
    """What a person types to end it without us."""
    return f"aws ec2 terminate-instances --region {region} --instance-ids {instance_id}"


def command_to_unprotect(region: str, instance_id: str) -> str:
    """What a person types so that it may be ended, where it was protected by hand."""
    return (
        f"aws ec2 modify-instance-attribute --region {region} --instance-id {instance_id} "
        "--no-disable-api-termination"
    )


def _described(aws: Aws, region: str, instance_id: str) -> Mapping[str, Any] | None:
    try:
        with calling(f"{region}: {instance_id}: DescribeInstances"):
            answer = aws.client("ec2", region).describe_instances(InstanceIds=[instance_id])
    except AwsError as error:
        if error.code == NOT_FOUND:
            return None
        raise
    found = [item for group in answer["Reservations"] for item in group["Instances"]]
    return found[0] if found else None


def _volumes(instance: Mapping[str, Any]) -> dict[str, bool]:
    """Its volumes, and whether each goes with it. A terminated instance shows none."""
    return {
        device["Ebs"]["VolumeId"]: bool(device["Ebs"].get("DeleteOnTermination"))
        for device in instance.get("BlockDeviceMappings", ())
        if "Ebs" in device
    }


def _gone_and_left(
    aws: Aws, region: str, volumes: Mapping[str, bool], pause: Pause
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those that go with the instance are waited for, a minute at most."""
    there = set(volumes)
    for poll in range(VOLUME_POLLS):
        there = _existing(aws, region, there)
        if not any(volumes[volume] for volume in there):
            break
        if poll < VOLUME_POLLS - 1:
            pause(POLL_S)
    return tuple(sorted(set(volumes) - there)), tuple(sorted(there))


def _existing(aws: Aws, region: str, volumes: set[str]) -> set[str]:
    """Those that there still are; all of them, where AWS does not say."""
    if not volumes:
        return set()
    asked = [{"Name": "volume-id", "Values": sorted(volumes)}]
    try:
        with calling(f"{region}: DescribeVolumes"):
            return {
                item["VolumeId"]
                for page in every_page(aws.client("ec2", region), "describe_volumes", Filters=asked)
                for item in page["Volumes"]
                if item["State"] != "deleted"
            }
    except AwsError:
        return volumes


def _ended_at(instance: Mapping[str, Any]) -> datetime | None:
    """Source: EC2's StateTransitionReason, "User initiated (2014-04-16 21:16:04 GMT)"."""
    match = _STATED_AT.search(str(instance.get("StateTransitionReason", "")))
    return datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if match else None


def _cause(instance: Mapping[str, Any]) -> str:
    reason = instance.get("StateReason") or {}
    return str(reason.get("Message") or reason.get("Code") or "no reason given")
