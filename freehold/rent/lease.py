"""A lease: what may be rented, until when and for how much, under a token that all of it bears."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

TAG_LEASE = "freehold:lease"
TAG_STACK = "freehold:stack"
TAG_DEADLINE = "freehold:deadline"
TAG_LEDGER = "freehold:ledger"

TOKEN = re.compile(r"[0-9a-f]{16}")
NAME_PREFIX = "freehold-"
IAM_PATH = "/freehold/"


class Market(StrEnum):
    """How an instance is bought."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
    BLOCK = "capacity-block"


@dataclass(frozen=True)
class Offer:
    """One place to try: a type, where, how it is bought, and for how much.

    `zone` is None where AWS may choose. `vcpus` is what it counts against the quota.
    `reservation` is a capacity block's. `priced_at` says where the price is from and when, such as
    "AWS Pricing, 2026-11-24" or "catalogue, mid-2026".
    """

    instance_type: str
    region: str
    zone: str | None
    market: Market
    usd_per_hour: float
    vcpus: int
    priced_at: str
    reservation: str | None = None

    def __str__(self) -> str:
        where = self.zone or self.region
        return f"{self.instance_type} in {where}, {self.market}, {self.usd_per_hour:.2f} USD/h"


@dataclass(frozen=True)
class Lease:
    """What was intended, before anything was made. Times are UTC and know it.

    `stack` is "project/stack"; `ledger` says which ledger it is written in (`ledger_id` of its
    place).
    """

    token: str
    stack: str
    ledger: str
    who: str
    made_at: datetime
    deadline: datetime
    budget_usd: float | None
    offers: tuple[Offer, ...]

    @property
    def name(self) -> str:
        """What its resources' names begin with."""
        return f"{NAME_PREFIX}{self.token}"

    def tags(self, deadline: datetime | None = None) -> dict[str, str]:
        """What each of its resources bears; the deadline may have been moved since."""
        return {
            TAG_LEASE: self.token,
            TAG_STACK: self.stack,
            TAG_DEADLINE: time_text(deadline or self.deadline),
            TAG_LEDGER: self.ledger,
            "Name": self.name,
        }


def new_token() -> str:
    """A lease's own, guessed by nobody and used once."""
    return secrets.token_hex(8)


def time_text(at: datetime) -> str:
    """UTC to the second, as tags and schedules have it: 2026-11-24T18:00:00Z."""
    if at.tzinfo is None:
        raise ValueError(f"expected a time that knows its zone, got {at}")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_of(text: str) -> datetime:
    """The time of `time_text`. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
