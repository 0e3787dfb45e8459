"""Ending what has outlived its deadline, by the tags that it bears and nothing else."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from freehold.rent.aws import Aws
from freehold.rent.end import Pause
from freehold.rent.regions import Regions
from freehold.rent.survey import Survey, survey
from freehold.rent.sweep import Swept, sweep
from freehold.rent.thing import Kind, Thing


@dataclass(frozen=True)
class Sorted:
    """What a survey found: what is over, what still has time, and what does not say until when."""

    over: tuple[Thing, ...]
    running: tuple[Thing, ...]
    unreadable: tuple[Thing, ...]


@dataclass(frozen=True)
class Reaped:
    """What was found before, and what became of what was over; `swept` is None of a dry run."""

    survey: Survey
    sorted: Sorted
    swept: Swept | None

    @property
    def is_done(self) -> bool:
        """Whether nothing that is over is left, and each thing says until when it may be."""
        left = self.swept.left if self.swept else self.sorted.over
        return not left and not self.sorted.unreadable


def reap(
    aws: Aws,
    regions: Regions,
    now: datetime,
    ledger: str | None = None,
    *,
    on_step: Callable[[str], None] = lambda _step: None,
    is_dry_run: bool = False,
    pause: Pause = time.sleep,
) -> Reaped:
    """End every instance whose deadline has passed, and sweep what is left of leases that are over.

    It needs no ledger, only AWS: for cron, or CI. With `ledger` other ledgers' leases are left
    alone.
    """
    found = survey(aws, regions, ledger=ledger)
    of_time = sort(found.found, now)
    if is_dry_run:
        return Reaped(found, of_time, None)
    return Reaped(found, of_time, sweep(aws, of_time.over, on_step, pause=pause))


def sort(things: Iterable[Thing], now: datetime) -> Sorted:
    """An instance is over by its own tag. What surrounds it stays while one of its lease's
    instances does, and is over with the last deadline that any of the lease's things bears: not
    every tag is moved when a lease is renewed.
    """
    leases: dict[str, list[Thing]] = defaultdict(list)
    for thing in things:
        leases[thing.token].append(thing)
    over: list[Thing] = []
    running: list[Thing] = []
    unreadable: list[Thing] = []
    for lease in leases.values():
        instances = [thing for thing in lease if thing.kind is Kind.INSTANCE]
        rest = [thing for thing in lease if thing.kind is not Kind.INSTANCE]
        for instance in instances:
            if instance.deadline is None:
                unreadable.append(instance)
            else:
                (over if instance.deadline <= now else running).append(instance)
        deadlines = [thing.deadline for thing in lease if thing.deadline]
        if any(instance.deadline is None or instance.deadline > now for instance in instances):
            running += rest
        elif not deadlines:
            unreadable += rest
        else:
            (over if max(deadlines) <= now else running).extend(rest)
    return Sorted(tuple(over), tuple(running), tuple(unreadable))
