"""An audit in words and as data: what is left, what was looked at for that, and what was not."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from freehold.rent.aws import Aws
from freehold.rent.end import Pause, command_to_end
from freehold.rent.lease import time_text
from freehold.rent.regions import regions
from freehold.rent.survey import Survey, Unseen, survey
from freehold.rent.sweep import Left, Swept, sweep
from freehold.rent.thing import GLOBAL, Kind, Thing

LEFT, UNSEEN = 1, 2
"""Exit codes of an audit that found something, and of one that could not look everywhere."""


@dataclass(frozen=True)
class Cleared:
    """What was swept of a lease, and the survey after that."""

    swept: Swept
    survey: Survey


def clear(
    aws: Aws,
    token: str,
    lease_regions: Iterable[str],
    on_step: Callable[[str], None],
    *,
    pause: Pause = time.sleep,
) -> Cleared:
    """End and delete everything that bears the token, in all regions, and then look once more.

    `lease_regions` are those in which the lease was allowed to make anything: while one of them
    cannot be looked at, its roles stay. Raises AwsError where AWS cannot be asked at all.
    """
    where = regions(aws)
    before = survey(aws, where, token)
    swept = sweep(aws, before.found, on_step, blind=before.blind_in(lease_regions), pause=pause)
    return Cleared(swept, survey(aws, where, token) if before.found else before)


def exit_code(found: Survey) -> int:
    """0 where nothing is left and everything that could cost money was looked at."""
    if not found.is_clean:
        return LEFT
    return UNSEEN if found.may_hide_bills else 0


def lines(found: Survey, now: datetime) -> Iterator[str]:
    """The audit for a person, verdict first."""
    whose = f"lease {found.token}" if found.token else "leases"
    if found.is_clean:
        yield f"{whose}: clean, of what was looked at"
    else:
        bills = sum(thing.bills for thing in found.found)
        yield f"{whose}: {len(found.found)} left, {bills} of them billing"
    for thing in found.found:
        yield f"  {in_words(thing, now)}"
        if thing.kind is Kind.INSTANCE and thing.state != "shutting-down":
            yield f"    ends it: {command_to_end(thing.region, thing.id)}"
    yield from _looked(found)
    yield from unseen_lines(found.unseen)


def in_words(thing: Thing, now: datetime) -> str:
    """One line: what, where, how it is, whose and until when, and what it costs."""
    words = [str(thing)]
    words += filter(None, (thing.detail, thing.state))
    words.append(f"lease {thing.token}" if thing.token else "of no lease that can be read")
    words.append(_until(thing, now))
    if thing.usd_per_hour is not None:
        words.append(f"about {thing.usd_per_hour:.2f} USD/h by the catalogue")
    elif thing.bills:
        words.append("bills")
    return ", ".join(words)


def left_lines(left: Iterable[Left]) -> Iterator[str]:
    """What a sweep could not delete, with what to do about it."""
    for rest in left:
        yield f"{rest.thing}: left: {rest.why}"
        if rest.hint:
            yield f"  Hint: {rest.hint}"


def data(found: Survey) -> dict[str, Any]:
    """The survey as JSON has it."""
    return {
        "token": found.token,
        "is_clean_of_what_was_looked_at": found.is_clean,
        "may_hide_bills": found.may_hide_bills,
        "found": [thing_data(thing) for thing in found.found],
        "looked": [
            {"kind": str(look.kind), "region": look.region, "count": look.count}
            for look in found.looked
        ],
        "unseen": [
            {
                "kind": str(unseen.kind) if unseen.kind else None,
                "region": unseen.region,
                "why": unseen.why,
                "is_off": unseen.is_off,
            }
            for unseen in found.unseen
        ],
    }


def thing_data(thing: Thing) -> dict[str, Any]:
    """A thing as JSON has it."""
    return {
        "kind": str(thing.kind),
        "id": thing.id,
        "region": thing.region,
        "token": thing.token,
        "deadline": time_text(thing.deadline) if thing.deadline else None,
        "bills": thing.bills,
        "state": thing.state,
        "usd_per_hour": thing.usd_per_hour,
        "name": thing.name,
        "detail": thing.detail,
    }


def _until(thing: Thing, now: datetime) -> str:
    if thing.deadline is None:
        said = f' ("{thing.deadline_text[:40]}")' if thing.deadline_text else ""
        return f"no deadline that can be read{said}"
    hours = (now - thing.deadline).total_seconds() / 3600
    passed = f", passed {hours:.1f} h ago" if hours > 0 else ""
    return f"until {time_text(thing.deadline)}{passed}"


def _looked(found: Survey) -> Iterator[str]:
    """Every class on a line with its regions; classes with the same regions share one."""
    classes: dict[Kind, list[str]] = defaultdict(list)
    for look in found.looked:
        if look.region != GLOBAL:
            classes[look.kind].append(look.region)
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for kind, where in classes.items():
        alike[tuple(where)].append(kind.plural)
    for places, kinds in alike.items():
        yield f"looked at, in {', '.join(places)}: {', '.join(kinds)}"
    of_account = [look.kind.plural for look in found.looked if look.region == GLOBAL]
    if of_account:
        yield f"looked at, of the account: {', '.join(of_account)}"


def unseen_lines(unseen: Iterable[Unseen]) -> Iterator[str]:
    """What was not looked at; one reason for many regions is said once."""
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in unseen:
        what = one.kind.plural if one.kind else "anything"
        alike[what, one.why].append(one.region)
    for (what, why), where in alike.items():
        yield f"NOT looked at: {what} in {', '.join(where)}: {why}"
