"""What a reap did, in words and as data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from freehold.rent.audit import (
    LEFT,
    UNSEEN,
    data,
    in_words,
    left_lines,
    thing_data,
    unseen_lines,
)
from freehold.rent.end import command_to_end
from freehold.rent.reap import Reaped
from freehold.rent.thing import Kind


def reaped_exit_code(reaped: Reaped) -> int:
    """0 where nothing that is over is left, of an account that was looked at wholly."""
    if not reaped.is_done:
        return LEFT
    return UNSEEN if reaped.survey.may_hide_bills else 0


def reaped_lines(reaped: Reaped, now: datetime) -> Iterator[str]:
    """What was over and what became of it, what goes on, and what says nothing of its end."""
    of_time, swept = reaped.sorted, reaped.swept
    if swept is None:
        yield f"{len(of_time.over)} over; nothing was ended, as this was a dry run"
        yield from (f"  {in_words(thing, now)}" for thing in of_time.over)
    else:
        yield f"{len(of_time.over)} over: {len(swept.gone)} gone, {len(swept.left)} left"
        yield from (f"  {line}" for line in left_lines(swept.left))
    if of_time.running:
        yield f"{len(of_time.running)} of leases that run on"
        yield from (f"  {in_words(thing, now)}" for thing in of_time.running)
    if of_time.unreadable:
        yield f"{len(of_time.unreadable)} NOT ended: they do not say until when they may be"
        for thing in of_time.unreadable:
            yield f"  {in_words(thing, now)}"
            if thing.kind is Kind.INSTANCE:
                yield f"    ends it: {command_to_end(thing.region, thing.id)}"
    yield from unseen_lines(reaped.survey.unseen)


def reaped_data(reaped: Reaped) -> dict[str, Any]:
    """The same as JSON has it; `survey` is of before."""
    of_time, swept = reaped.sorted, reaped.swept
    return {
        "is_done": reaped.is_done,
        "is_dry_run": swept is None,
        "over": [thing_data(thing) for thing in of_time.over],
        "running": [thing_data(thing) for thing in of_time.running],
        "unreadable": [thing_data(thing) for thing in of_time.unreadable],
        "gone": [thing_data(thing) for thing in swept.gone] if swept else [],
        "left": [
            {**thing_data(rest.thing), "why": rest.why} for rest in (swept.left if swept else ())
        ],
        "survey": data(reaped.survey),
    }
