"""A lease's record for a person and for a program: its state, its cost, what happened when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from freehold.rent.lease import Market, time_text
from freehold.rent.note import Note, plain
from freehold.rent.record import Record
from freehold.rent.rental import Rental

HEADINGS = ("TOKEN", "STACK", "STATE", "UNTIL (UTC)", "INSTANCES", "USD", "OF")


def state_of(record: Record, now: datetime) -> str:
    """How a lease stands, as far as the ledger knows: only an audit asks AWS."""
    if not record.is_begun:
        return "never begun"
    if record.is_closed:
        return "closed"
    if record.live:
        if record.is_over(now):
            return "OVER, not known to have ended"
        return "ending" if record.is_ending else "running"
    if record.open_tries:
        return "being made"
    if record.is_ending:
        return "ending"
    return "ended, not closed" if record.instances else "nothing made yet"


def table(records: Iterable[Record], now: datetime) -> Iterator[str]:
    """A line a lease below its headings, in columns; then what is unfinished of any."""
    known = list(records)
    rows = [HEADINGS, *(_row(record, now) for record in known)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
    for record in known:
        yield from unfinished(record, now)


def unfinished(record: Record, now: datetime) -> Iterator[str]:
    """What was begun for a lease and not brought to its end, and what to run."""
    token = record.lease.token
    if record.is_closed or not record.is_begun:
        return
    if record.renewing and not record.is_over(now):
        yield (
            f"{token}: ends at {time_text(record.deadline)}: a renewal to "
            f"{time_text(record.renewing)} was begun and not finished: fab lease.renew goes on"
        )
    if record.live and record.is_over(now):
        yield f"{token}: past its deadline: fab lease.audit --token {token}; fab lease.reap"
    for tried in record.open_tries:
        yield (
            f"{token}: what was tried at {time_text(tried.time)} has no answer: "
            f"fab lease.audit --token {token}"
        )


def lines(record: Record, now: datetime) -> Iterator[str]:
    """Everything that is known of one lease."""
    lease = record.lease
    until = time_text(record.deadline)
    yield f"{lease.token}  {lease.stack}  {state_of(record, now)}, by {lease.who}"
    yield f"from {time_text(lease.made_at)} until {until}{_left(record, now)}"
    yield f"cost {_usd(record, now)} USD of {_budget(record)}: {_counted(record)}"
    yield from (_rental(rental) for rental in record.instances)
    if record.reach:
        yield f"reached at {record.reach.user}@{record.reach.address}"
        yield from (f"  {key}" for key in record.reach.host_keys)
    yield from unfinished(record, now)
    yield from (_note(note) for note in record.notes)


def data(record: Record, now: datetime) -> dict[str, Any]:
    """The same as JSON has it."""
    lease = record.lease
    known = {
        "token": lease.token,
        "stack": lease.stack,
        "state": state_of(record, now),
        "who": lease.who,
        "made_at": lease.made_at,
        "deadline": record.deadline,
        "deadline_at_most": record.deadline_at_most,
        "budget_usd": record.budget_usd,
        "cost_usd": round(record.cost_usd(now), 4),
        "is_closed": record.is_closed,
        "offers": [str(offer) for offer in lease.offers],
        "instances": [vars(rental) for rental in record.instances],
        "reach": record.reach.to_dict() if record.reach else None,
        "notes": [
            {"time": note.time, "who": note.who, "act": note.act, "details": note.details}
            for note in record.notes
        ],
    }
    shown: dict[str, Any] = plain(known)
    return shown


def _row(record: Record, now: datetime) -> Sequence[str]:
    lease, shown = record.lease, record.live or record.instances[-1:]
    return (
        lease.token,
        lease.stack,
        state_of(record, now),
        time_text(record.deadline),
        ", ".join(f"{r.instance_id} {r.type} {r.zone}" for r in shown) or "-",
        _usd(record, now),
        _budget(record),
    )


def _left(record: Record, now: datetime) -> str:
    if not record.live:
        return ""
    left = record.deadline - now
    minutes = abs(int(left.total_seconds())) // 60
    span = f"{minutes // 60} h {minutes % 60:02d} min"
    return f", {span} left" if left > timedelta() else f", {span} ago"


def _usd(record: Record, now: datetime) -> str:
    return f"{record.cost_usd(now):.2f}"


def _budget(record: Record) -> str:
    return "any" if record.budget_usd is None else f"{record.budget_usd:.2f}"


def _counted(record: Record) -> str:
    """What the cost is of."""
    if any(rental.market is Market.BLOCK for rental in record.instances):
        return "disk and address by the catalogue; the block was paid when it was bought"
    return "instances by the second, disk and address by the catalogue; no tax, no traffic"


def _rental(rental: Rental) -> str:
    until = f"until {time_text(rental.ended_at)}" if rental.ended_at else "not known to have ended"
    return (
        f"{rental.instance_id}  {rental.type} in {rental.zone}, {rental.market}, "
        f"{rental.usd_per_hour:.2f} USD/h, from {time_text(rental.launched_at)} {until}"
    )


def _note(note: Note) -> str:
    known = {} if note.sequence == 1 else plain(note.details)  # the intent was shown above
    words = ", ".join(f"{key} {value}" for key, value in known.items() if key != "host_keys")
    return f"  {time_text(note.time)}  {note.act:<8}  {words}".rstrip()
