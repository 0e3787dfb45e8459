"""Leases as the tests have them, and a store that is interrupted at a given write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from freehold.rent.lease import Lease, Market, Offer, new_token
from freehold.rent.note import Act, Note, plain
from freehold.rent.rental import Rental
from freehold.weights.folder import FolderObjects

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
STACK = "freehold/lab"
OFFER = Offer("p5.48xlarge", "us-east-1", "us-east-1a", Market.ON_DEMAND, 55.04, 192, "test")


def lease(**changes: Any) -> Lease:
    """Of 4 hours from noon, for up to 300 USD."""
    known = Lease(
        token=new_token(),
        stack=STACK,
        ledger="0" * 16,
        who="ada@home",
        made_at=NOON,
        deadline=NOON + timedelta(hours=4),
        budget_usd=300.0,
        offers=(OFFER,),
    )
    return replace(known, **changes)


def rental(**changes: Any) -> Rental:
    """Of that offer, launched at one minute past noon."""
    known = Rental(
        instance_id="i-0123456789abcdef0",
        region=OFFER.region,
        zone="us-east-1a",
        type=OFFER.instance_type,
        market=OFFER.market,
        usd_per_hour=OFFER.usd_per_hour,
        launched_at=NOON + timedelta(minutes=1),
        root_gib=100,
    )
    return replace(known, **changes)


def note(of: Lease, sequence: int, act: Act, at: datetime = NOON, **details: Any) -> Note:
    """One that was written at noon, unless said otherwise."""
    return Note(of.token, sequence, at, "ada@home", act, plain(details))


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


class KilledError(Exception):
    """The writer was killed here."""


class Interrupted(FolderObjects):
    """`before` and `after` hear of each put by its number, from 0, and may raise or write."""

    def __init__(
        self,
        folder: Path,
        before: Callable[[int], None] = lambda _number: None,
        after: Callable[[int], None] = lambda _number: None,
    ) -> None:
        super().__init__(folder)
        self._before, self._after, self._count = before, after, 0

    def put(self, name: str, content: bytes, *, is_new: bool = False) -> None:
        number, self._count = self._count, self._count + 1
        self._before(number)
        super().put(name, content, is_new=is_new)
        self._after(number)


def killed_at(which: int) -> Callable[[int], None]:
    """Raises at the put of that number."""

    def strike(number: int) -> None:
        if number == which:
            raise KilledError

    return strike
