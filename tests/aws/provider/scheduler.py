"""aws:scheduler: the schedule."""

# ruff: noqa: ARG002 (parameters are the protocol's)
from __future__ import annotations

from typing import Any, ClassVar

from botocore.exceptions import ClientError

from tests.aws.provider.kind import Client, Inputs, Name, code_of, own_name

_PLAIN = {
    "ActionAfterCompletion": "actionAfterCompletion",
    "Description": "description",
    "GroupName": "groupName",
    "KmsKeyArn": "kmsKeyArn",
    "ScheduleExpression": "scheduleExpression",
    "ScheduleExpressionTimezone": "scheduleExpressionTimezone",
    "State": "state",
}
_NESTED = {"FlexibleTimeWindow": "flexibleTimeWindow", "Target": "target"}


class Schedule:
    token = "aws:scheduler/schedule:Schedule"
    name = Name("name", 64, 38)
    defaults: ClassVar[Inputs] = {"scheduleExpressionTimezone": "UTC", "state": "ENABLED"}
    replaced_by = frozenset({"name", "namePrefix", "groupName", "region"})
    documents: frozenset[str] = frozenset()
    is_regional = True

    def create(self, client: Client, inputs: Inputs) -> str:
        name = own_name(inputs, self.name)
        client("scheduler", inputs.get("region")).create_schedule(Name=name, **_asked(inputs))
        return f"{inputs.get('groupName') or 'default'}/{name}"

    def read(self, client: Client, id: str, inputs: Inputs) -> tuple[Inputs, Inputs] | None:
        group, _, name = id.partition("/")
        scheduler = client("scheduler", inputs.get("region"))
        try:
            found = scheduler.get_schedule(Name=name, GroupName=group)
        except ClientError as error:
            return _gone(error)
        live = dict(inputs)
        for theirs, ours in _PLAIN.items():
            if found.get(theirs) and (ours in inputs or not inputs) and ours != "groupName":
                live[ours] = found[theirs]
        for theirs, ours in _NESTED.items():
            was = inputs.get(ours, {})
            now = {key: value for key, value in _lowered(found[theirs]).items() if value}
            # What AWS adds by itself, such as how often it retries, is not the program's.
            live[ours] = {key: now[key] for key in now if key in was or not inputs}
            if "__defaults" in was:
                live[ours]["__defaults"] = was["__defaults"]
        if not inputs:  # an import
            live["name"] = name
        return {**live, "name": name, "arn": found["Arn"], "groupName": group}, live

    def update(self, client: Client, id: str, old: Inputs, new: Inputs) -> None:
        group, _, name = id.partition("/")
        asked = {**_asked(new), "GroupName": group}
        client("scheduler", new.get("region")).update_schedule(Name=name, **asked)

    def delete(self, client: Client, id: str, inputs: Inputs) -> None:
        group, _, name = id.partition("/")
        try:
            scheduler = client("scheduler", inputs.get("region"))
            scheduler.delete_schedule(Name=name, GroupName=group)
        except ClientError as error:
            _gone(error)


def _gone(error: ClientError) -> None:
    if code_of(error) != "ResourceNotFoundException":
        raise error


def _asked(inputs: Inputs) -> Inputs:
    plain = {theirs: inputs[ours] for theirs, ours in _PLAIN.items() if inputs.get(ours)}
    return {**plain, **{theirs: _raised(inputs[ours]) for theirs, ours in _NESTED.items()}}


def _raised(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {k[0].upper() + k[1:]: _raised(v) for k, v in value.items() if not k.startswith("__")}


def _lowered(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {k[0].lower() + k[1:]: _lowered(v) for k, v in value.items()}
