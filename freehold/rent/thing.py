"""What a lease may leave behind: one thing, where it is, whose, and whether it costs money."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from freehold.rent.lease import NAME_PREFIX, TAG_DEADLINE, TAG_LEASE, TAG_LEDGER, TOKEN, time_of

GLOBAL = "global"
"""The region of what has none: roles and their profiles."""

_NAMED = re.compile(rf"{NAME_PREFIX}({TOKEN.pattern})(?![0-9a-f])")


class Kind(StrEnum):
    """A class of things, in the order in which they can be deleted: who needs another goes first,
    and what ends an instance (a schedule, by its role) goes after the instances."""

    SPOT_REQUEST = "spot request"
    INSTANCE = "instance"
    INTERFACE = "network interface"
    VOLUME = "volume"
    SNAPSHOT = "snapshot"
    ADDRESS = "address"
    RESERVATION = "capacity reservation"
    GROUP = "security group"
    KEY = "key pair"
    SCHEDULE = "schedule"
    PROFILE = "instance profile"
    ROLE = "role"

    @property
    def plural(self) -> str:
        """Of many: "addresses"."""
        return f"{self}es" if self.endswith("s") else f"{self}s"

    @property
    def can_bill(self) -> bool:
        """Whether one costs money, or brings forth what does.

        Source: AWS's price lists of mid-2026: groups, keys, interfaces and IAM are free, and so
        are a schedule's first 14 million calls a month.
        """
        return self in _CAN_BILL

    @property
    def is_needed_to_end(self) -> bool:
        """Whether it may be part of what ends an instance, so that it must not go before that."""
        return self in (Kind.SCHEDULE, Kind.PROFILE, Kind.ROLE)


_CAN_BILL = (
    Kind.SPOT_REQUEST,
    Kind.INSTANCE,
    Kind.VOLUME,
    Kind.SNAPSHOT,
    Kind.ADDRESS,
    Kind.RESERVATION,
)


@dataclass(frozen=True)
class Thing:
    """One thing that bears a lease's token.

    `region` is GLOBAL for what has none. `deadline` is None where its tag is lacking or cannot be
    read; `deadline_text` is that tag as it stands. `detail` says what it is ("p5.48xlarge, spot").
    `usd_per_hour` is the catalogue's price, None where that is not known. `ledger` is the tag's,
    None where it bears none, as a schedule does.
    """

    kind: Kind
    id: str
    region: str
    token: str
    deadline: datetime | None
    bills: bool
    state: str = ""
    usd_per_hour: float | None = None
    name: str = ""
    detail: str = ""
    deadline_text: str = ""
    ledger: str | None = None

    def __str__(self) -> str:
        where = "" if self.region == GLOBAL else f" in {self.region}"
        return f"{self.kind} {self.id}{where}"


def tags_of(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Of AWS's list of Key and Value."""
    return {tag["Key"]: tag["Value"] for tag in listed}


def token_in_name(name: str) -> str | None:
    """The token of a name that we gave, such as freehold-0123456789abcdef-node; else None."""
    match = _NAMED.match(name)
    return match[1] if match else None


def deadline_of(text: str) -> datetime | None:
    """The time that a deadline's tag says; None where it says none."""
    try:
        return time_of(text)
    except ValueError:
        return None


def lease_of(tags: Mapping[str, str]) -> dict[str, Any]:
    """What a Thing has from its tags: token, deadline, deadline_text, ledger, name."""
    text = tags.get(TAG_DEADLINE, "")
    return {
        "token": tags.get(TAG_LEASE, ""),
        "deadline": deadline_of(text),
        "deadline_text": text,
        "ledger": tags.get(TAG_LEDGER),
        "name": tags.get("Name", ""),
    }
