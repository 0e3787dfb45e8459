"""IAM policies as far as actions go: resources and conditions are taken as met."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

from tests.aws.call import Call

_PREFIXES = {"servicequotas": "servicequotas", "monitoring": "cloudwatch"}


def action_of(call: Call) -> str:
    """As policies name it: ec2:RunInstances."""
    return f"{_PREFIXES.get(call.service, call.service)}:{call.action}"


def allows(policies: Iterable[Mapping[str, Any]], action: str) -> bool:
    """Whether one of them allows it and none denies it."""
    effects = {
        statement["Effect"]
        for policy in policies
        for statement in _listed(policy["Statement"])
        for pattern in _listed(statement["Action"])
        if fnmatch.fnmatchcase(action.lower(), pattern.lower())
    }
    return "Allow" in effects and "Deny" not in effects


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
