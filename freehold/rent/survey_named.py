"""How roles, their profiles and schedules are looked at: by the path and names that we gave."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from freehold.rent.aws import Aws
from freehold.rent.lease import IAM_PATH, NAME_PREFIX, TAG_DEADLINE, TAG_LEASE, time_of, time_text
from freehold.rent.regions import HOME
from freehold.rent.survey_ec2 import every_page
from freehold.rent.thing import GLOBAL, Kind, Thing, lease_of, tags_of, token_in_name

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
GONE_MEANWHILE = {"NoSuchEntity", "ResourceNotFoundException"}


def look_at_roles(aws: Aws, token: str | None) -> list[Thing]:
    """Roles under our path that bear the token, or any."""
    client = aws.client("iam", HOME)
    listed = [
        role["RoleName"]
        for page in every_page(client, "list_roles", PathPrefix=IAM_PATH)
        for role in page["Roles"]
    ]
    return list(
        _of_iam(Kind.ROLE, listed, token, lambda name: client.get_role(RoleName=name)["Role"])
    )


def look_at_profiles(aws: Aws, token: str | None) -> list[Thing]:
    """Instance profiles under our path that bear the token, or any."""
    client = aws.client("iam", HOME)
    listed = [
        profile["InstanceProfileName"]
        for page in every_page(client, "list_instance_profiles", PathPrefix=IAM_PATH)
        for profile in page["InstanceProfiles"]
    ]

    def described(name: str) -> Any:
        return client.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]

    return list(_of_iam(Kind.PROFILE, listed, token, described))


def look_at_schedules(aws: Aws, region: str, token: str | None) -> list[Thing]:
    """Schedules that are called as ours are: they bear no tags, and their time is the deadline.

    A thing's id is its group and name, "default/freehold-...".
    """
    client = aws.client("scheduler", region)
    prefix = NAME_PREFIX if token is None else f"{NAME_PREFIX}{token}"
    found = []
    for page in every_page(client, "list_schedules", NamePrefix=prefix):
        for listed in page["Schedules"]:
            group, name = listed["GroupName"], listed["Name"]
            of_name = token_in_name(name)
            if of_name is None or token not in (None, of_name):
                continue
            schedule = _there(client.get_schedule, GroupName=group, Name=name)
            if schedule is None:
                continue
            deadline = _fires_at(schedule)
            found.append(
                Thing(
                    kind=Kind.SCHEDULE,
                    id=f"{group}/{name}",
                    region=region,
                    token=of_name,
                    deadline=deadline,
                    deadline_text=time_text(deadline) if deadline else "",
                    bills=False,
                    state=str(schedule.get("State", "")).lower(),
                    name=name,
                    detail=str(schedule.get("ScheduleExpression", "")),
                )
            )
    return found


def _of_iam(
    kind: Kind, names: list[str], token: str | None, described: Callable[[str], Any]
) -> Iterator[Thing]:
    """IAM's lists hold no tags: each is asked for on its own. One that has none is known by its
    name, as a create that was cut off leaves it; one that has neither is another's."""
    for name in names:
        of_name = token_in_name(name)
        if of_name and token not in (None, of_name):
            continue
        item = _there(described, name)
        if item is None:
            continue
        tags = tags_of(item.get("Tags", ()))
        tags.setdefault(TAG_LEASE, of_name or "")
        if tags[TAG_LEASE] and token in (None, tags[TAG_LEASE]):
            about = {**lease_of(tags), "name": name}
            yield Thing(
                kind=kind,
                id=name,
                region=GLOBAL,
                bills=False,
                detail="" if TAG_DEADLINE in tags else "without the tag of a deadline",
                **about,
            )


def _there(ask: Callable[..., Any], *arguments: str, **named: str) -> Any:
    """What is asked for; None where it was deleted since it was listed."""
    try:
        return ask(*arguments, **named)
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE_MEANWHILE:
            return None
        raise


def _fires_at(schedule: Mapping[str, Any]) -> datetime | None:
    """When a one-time schedule fires; None of any other, or of one in another zone than UTC."""
    match = _AT.fullmatch(str(schedule.get("ScheduleExpression", "")))
    if match is None or schedule.get("ScheduleExpressionTimezone", "UTC") != "UTC":
        return None
    return time_of(f"{match[1]}Z")
