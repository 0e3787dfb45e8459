"""What the ledger says of one lease: its notes, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from freehold.rent.details import value_of, word_of
from freehold.rent.lease import Lease, time_of
from freehold.rent.note import Act, Note
from freehold.rent.reach import Reach
from freehold.rent.rental import Rental, cost_usd

SLACK = timedelta(minutes=5)
"""How long after its deadline an instance may bill: the slowest switch has ended it by then."""


@dataclass(frozen=True)
class Record:
    """One lease with its notes, the INTENT first; `Record.of` makes it.

    `deadline` is the earliest that a switch may have: until a renewal has reached all of them it
    is the one before it. `deadline_at_most` is the latest that a switch may have, and what the
    budget was asked for. `is_begun` is False of a lease that another was quicker than: nothing was
    ever made under it.
    """

    lease: Lease
    notes: tuple[Note, ...]
    deadline: datetime
    deadline_at_most: datetime
    budget_usd: float | None
    instances: tuple[Rental, ...]
    open_tries: tuple[Note, ...]
    reach: Reach | None
    is_ending: bool
    is_begun: bool = True

    @classmethod
    def of(cls, notes: Iterable[Note]) -> Record:
        """What follows from the notes of one lease. Raises ValueError naming the entry that does
        not follow from those before it."""
        first, *rest = notes
        try:
            if first.act is not Act.INTENT:
                raise ValueError(f"expected an intent, got {first.act}")
            lease = value_of(Lease, first.details)
            if lease.token != first.token:
                raise ValueError(f"expected the lease {first.token}, got {lease.token}")
        except ValueError as error:
            raise ValueError(f"entry {first.sequence}: {error}") from None
        record = cls(
            lease,
            (first,),
            deadline=lease.deadline,
            deadline_at_most=lease.deadline,
            budget_usd=lease.budget_usd,
            instances=(),
            open_tries=(),
            reach=None,
            is_ending=False,
        )
        for note in rest:
            record = record.followed_by(note)
        return record

    def followed_by(self, note: Note) -> Record:
        """The record with one note more. Raises ValueError where it cannot be the next."""
        try:
            if (note.token, note.sequence) != (self.lease.token, self.last + 1):
                raise ValueError(f"expected the next of {self.lease.token}, got {note.token}")
            return replace(self, notes=(*self.notes, note), **_changes(self, note))
        except ValueError as error:
            raise ValueError(f"entry {note.sequence}: {error}") from None

    @property
    def last(self) -> int:
        """The last note's number."""
        return self.notes[-1].sequence

    @property
    def live(self) -> tuple[Rental, ...]:
        """The instances that bill, as far as the ledger knows."""
        return tuple(rental for rental in self.instances if rental.is_live)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, and no instance was noted since."""
        return not self.live and any(note.act is Act.CLOSED for note in self.notes)

    @property
    def renewing(self) -> datetime | None:
        """The deadline of a renewal that was begun, and has not reached every switch."""
        return self.deadline_at_most if self.deadline_at_most > self.deadline else None

    @cached_property
    def noted_until(self) -> datetime:
        """The latest time in the notes: a clock that says less was set back since."""
        return max(note.time for note in self.notes)

    def is_over(self, now: datetime) -> bool:
        """Whether a switch may have ended it."""
        return now >= self.deadline

    def cost_usd(self, at: datetime) -> float:
        """What its instances have cost until then (see freehold.rent.rental).

        A clock that was set back does not make it cheaper, and a note by one that ran ahead not
        dearer than the lease may be.
        """
        until = max(at, min(self.noted_until, self.deadline_at_most))
        return sum((cost_usd(rental, until) for rental in self.instances), 0.0)

    def cost_at_most_usd(self, at: datetime, deadline: datetime | None = None) -> float:
        """What it will have cost if every instance that bills ends as late as the switches allow,
        by `deadline` or the latest that they may have."""
        latest = deadline or self.deadline_at_most
        return self.cost_usd(max(at, latest + SLACK))


def _changes(record: Record, note: Note) -> Mapping[str, Any]:
    """The fields that a note changes."""
    details = note.details
    match note.act:
        case Act.INTENT:
            raise ValueError("expected one intent, got another")
        case Act.TRIED:
            return {"open_tries": (*record.open_tries, note)}
        case Act.REFUSED:
            return {"open_tries": _tries_but(record, note)}
        case Act.MADE:
            made = _rental(details)
            return {
                "open_tries": _tries_but(record, note),
                "instances": _with(record.instances, made),
            }
        case Act.REACHED:
            return {"reach": Reach.of_dict(details)}
        case Act.RENEWING:
            latest = max(record.deadline_at_most, time_of(word_of(details, "deadline")))
            budget = details.get("budget_usd", record.budget_usd)
            if budget is not None and type(budget) not in (int, float):
                raise ValueError(f"budget_usd: expected a number, got {budget!r}")
            return {"deadline_at_most": latest, "budget_usd": budget}
        case Act.RENEWED:
            deadline = time_of(word_of(details, "deadline"))
            if deadline > record.deadline_at_most:
                raise ValueError(f"deadline: expected a renewal begun before, got {deadline}")
            return {"deadline": max(record.deadline, deadline)}
        case Act.ENDING:
            return {"is_ending": True}
        case Act.ENDED:
            return _ended(record, details)
        case Act.AUDITED | Act.CLOSED:
            return {}


def _rental(details: Mapping[str, Any]) -> Rental:
    made = value_of(Rental, {**details, "ended_at": None})
    if made.usd_per_hour < 0 or made.root_gib < 0:
        raise ValueError(f"expected a price and a size, got {made.usd_per_hour}, {made.root_gib}")
    return made


def _with(instances: tuple[Rental, ...], made: Rental) -> tuple[Rental, ...]:
    """An instance that is noted twice is one, and does not come to life again."""
    known = {rental.instance_id: rental for rental in instances}
    earlier = known.get(made.instance_id)
    known[made.instance_id] = replace(made, ended_at=earlier.ended_at) if earlier else made
    return tuple(known.values())


def _tries_but(record: Record, note: Note) -> tuple[Note, ...]:
    """The tries that are without an answer still: of its own client token, if it says one."""
    own = note.details.get("client_token")
    if own is None:
        return ()
    return tuple(each for each in record.open_tries if each.details.get("client_token") != own)


def _ended(record: Record, details: Mapping[str, Any]) -> Mapping[str, Any]:
    ended, at = word_of(details, "instance_id"), time_of(word_of(details, "ended_at"))
    reach = record.reach
    return {
        "instances": tuple(
            replace(rental, ended_at=rental.ended_at or at)
            if rental.instance_id == ended
            else rental
            for rental in record.instances
        ),
        "reach": None if reach is not None and reach.instance_id == ended else reach,
    }
