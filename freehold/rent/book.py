"""The lease ledger in a store: append-only, one object a note, and one open lease a stack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from freehold.custody.ledger import who
from freehold.rent.book_error import LeaseBookError, LeaseEndingError, LeaseOpenError, MovedOnError
from freehold.rent.details import details_of
from freehold.rent.lease import Lease, new_token
from freehold.rent.note import Act, Note, plain
from freehold.rent.pages import Pages, note_name
from freehold.rent.reach import Reach
from freehold.rent.record import Record
from freehold.rent.rental import Rental
from freehold.weights.objects import Objects, TakenError

__all__ = ["Act", "LeaseBook", "Note", "Reach", "Record", "Rental", "utc_now"]

MADE_UNDER_IT = {Act.TRIED, Act.RENEWING}
"""What may not begin once a teardown has."""


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


class LeaseBook:
    """The leases of every stack that keeps its weights in the store `objects`.

    Several may write at once, and be killed at any line: a note is there whole or not at all. What
    cannot be read, or is missing, raises LeaseBookError; it is never taken for no lease. Every
    method raises StoreError where the store cannot be asked.
    """

    def __init__(self, objects: Objects, clock: Callable[[], datetime] = utc_now) -> None:
        self._pages, self._clock = Pages(objects), clock

    @property
    def place(self) -> str:
        """How the ledger is called in an error."""
        return self._pages.place

    def ledger_id(self) -> str:
        """What Lease.ledger is of leases written here: the ledger's own, however it is reached."""
        return self._pages.identity() or self._pages.identify(new_token())

    def begin(self, lease: Lease) -> Record:
        """Write the intent, durably, before anything of it exists. The caller may make things only
        after this has returned.

        A stack has one open lease at a time. Its turns are objects 1, 2, ... of which each is put
        as a new one, and only once the lease of the turn before is closed; a turn names a lease
        whose intent is written already. So of two who begin at once one is refused, with
        LeaseOpenError naming the other's lease. A crash between intent and turn leaves an intent
        that is nobody's turn: nothing was made under it, and it counts for nothing.
        """
        intent = self._note(lease.token, 1, Act.INTENT, details_of(lease))
        record = Record.of([intent])
        is_written = False
        while True:
            turns = self._pages.turns(lease.stack)
            if turns and turns[-1] != lease.token:
                before = self.record(turns[-1])
                if not before.is_closed:
                    if is_written:
                        self.note(lease.token, Act.CLOSED, why=f"{turns[-1]} was begun first")
                    raise LeaseOpenError.with_record(self.place, before)
            if not is_written:
                self._pages.put(intent)
                is_written = True
            if turns and turns[-1] == lease.token:
                return self.record(lease.token)
            try:
                self._pages.put_turn(lease.stack, len(turns) + 1, lease.token)
            except TakenError:
                continue  # another's turn, or ours where the store's answer was lost
            return record

    def note(self, token: str, act: Act, /, **details: Any) -> Note:
        """Append a note: what was done or found, whatever others wrote meanwhile.

        Raises ValueError for details that are not of this act, and LeaseEndingError where
        something would be made or renewed under a lease whose teardown has begun.
        """
        while True:
            try:
                return self.append(self.record(token), act, **details).notes[-1]
            except MovedOnError:
                continue

    def append(self, record: Record, act: Act, /, **details: Any) -> Record:
        """The same, only if nobody wrote since `record` was read: what follows from it still
        holds then. Raises MovedOnError otherwise."""
        token = record.lease.token
        if act in MADE_UNDER_IT and (record.is_ending or record.is_closed):
            raise LeaseEndingError.of(
                f"{self.place}/{note_name(token, record.last)}",
                f"the teardown of lease {token} has begun: {act} is refused",
            )
        note = self._note(token, record.last + 1, act, details)
        after = record.followed_by(note)
        try:
            self._pages.put(note)
        except TakenError:
            raise MovedOnError.of(
                f"{self.place}/{note_name(token, note.sequence)}", "another wrote it meanwhile"
            ) from None
        return after

    def made(self, token: str, rental: Rental) -> Note:
        """Note an instance as soon as AWS has answered with its id."""
        return self.note(token, Act.MADE, **details_of(replace(rental, ended_at=None)))

    def reached(self, token: str, reach: Reach) -> Note:
        """Note how an instance is reached, with its host keys."""
        return self.note(token, Act.REACHED, **reach.to_dict())

    def ended(self, token: str, instance_id: str, at: datetime) -> Note:
        """Note that AWS says an instance is terminated. One that was not noted as MADE is first,
        or what it cost is not counted."""
        return self.note(token, Act.ENDED, instance_id=instance_id, ended_at=at)

    def record(self, token: str) -> Record:
        """What is known of a lease. Raises LeaseBookError where there is none of that token."""
        return self._record(token, self._pages.notes(token))

    def records(self) -> list[Record]:
        """All leases of all stacks, the latest intent first."""
        begun = {token for stack in self._pages.stacks() for token in self._pages.turns(stack)}
        found = self._pages.all_notes()
        if lost := sorted(begun - found.keys()):
            raise LeaseBookError.of(self.place, f"expected leases {', '.join(lost)}, found nothing")
        records = [self._record(token, notes) for token, notes in found.items()]
        records = [replace(r, is_begun=r.lease.token in begun) for r in records]
        return sorted(records, key=lambda r: (r.lease.made_at, r.lease.token), reverse=True)

    def records_of(self, stack: str) -> list[Record]:
        """The leases of a stack ("project/stack"), the first one first."""
        return [self.record(token) for token in self._pages.turns(stack)]

    def open_records(self, stack: str) -> list[Record]:
        """Those that are not closed: one at most, unless an instance was noted after the close."""
        return [record for record in self.records_of(stack) if not record.is_closed]

    def spent_usd(self, stack: str, at: datetime) -> float:
        """What the stack's leases have cost until then, closed and open."""
        return sum((record.cost_usd(at) for record in self.records_of(stack)), 0.0)

    def _record(self, token: str, notes: list[Note]) -> Record:
        try:
            return Record.of(notes)
        except ValueError as error:
            raise LeaseBookError.of(f"{self.place}/leases/{token}", str(error)) from None

    def _note(self, token: str, sequence: int, act: Act, details: dict[str, Any]) -> Note:
        now = self._clock().astimezone(UTC).replace(microsecond=0)
        return Note(token, sequence, now, who(), act, plain(details))
