"""Deleting what a lease left, in an order that works, until a later look no longer finds it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from freehold.rent.aws import Aws, AwsError
from freehold.rent.delete import delete
from freehold.rent.end import PROTECTED, Pause, ask_to_end, end_instance
from freehold.rent.regions import DENIED
from freehold.rent.survey import look
from freehold.rent.thing import GLOBAL, Kind, Thing

ATTEMPTS = 20
PAUSE_S = 6.0
"""Two minutes in all: so long may an ended instance's interface hold on to its security group."""

IN_VAIN = DENIED | {PROTECTED}
"""To ask again gives the same answer."""

HELD = (Kind.INTERFACE, Kind.VOLUME, Kind.GROUP)
"""What an instance holds on to: while one is left, asking for them takes minutes and is in vain."""


@dataclass(frozen=True)
class Left:
    """What was not deleted, and why."""

    thing: Thing
    why: str
    hint: str | None = None


@dataclass(frozen=True)
class Swept:
    """`gone` are those that AWS no longer describes."""

    gone: tuple[Thing, ...]
    left: tuple[Left, ...]


def sweep(
    aws: Aws,
    things: Iterable[Thing],
    on_step: Callable[[str], None],
    *,
    blind: Sequence[str] = (),
    pause: Pause = time.sleep,
) -> Swept:
    """Delete them; to call it again is always right.

    Each is looked at again before, and is deleted only while it bears the token and the deadline
    that it was found with. Where an instance of a lease is left, or cannot be looked for, the
    lease's schedules, profiles and roles stay: they are what ends it. `blind` are regions in which
    one could live unseen.
    """
    gone: list[Thing] = []
    left: list[Left] = []
    asked = tuple(things)
    for kind in Kind:  # in the order in which they can be deleted
        todo = []
        for thing in asked:
            if thing.kind is kind:
                why = _why_not(aws, thing, left, blind)
                if why:
                    left.append(Left(thing, why))
                else:
                    todo.append(thing)
        if todo:
            of_kind = _Round(aws, kind, on_step, pause).run(todo)
            gone += of_kind.gone
            left += of_kind.left
    for rest in left:
        on_step(f"{rest.thing}: LEFT: {rest.why}")
    return Swept(tuple(gone), tuple(left))


def _why_not(aws: Aws, thing: Thing, left: Iterable[Left], blind: Sequence[str]) -> str:
    """Why it must not be deleted, "" where it may be."""
    if thing.kind is Kind.RESERVATION:
        return "it was bought apart from the lease, and AWS takes a capacity block back from nobody"
    if thing.kind in HELD and thing.state != "available":
        of_lease = [rest.thing for rest in left if rest.thing.token == thing.token]
        holders = [each for each in of_lease if each.kind is Kind.INSTANCE]
        return next((f"{e} may hold on to it" for e in holders if e.region == thing.region), "")
    if not thing.kind.is_needed_to_end:
        return ""
    if blind and thing.region == GLOBAL:
        return f"it may be needed to end an instance in {blind[0]}, which was not looked at"
    lives = [rest.thing for rest in left if rest.thing.token == thing.token and _needs(rest.thing)]
    if not lives and thing.kind is Kind.SCHEDULE:
        try:
            lives = look(aws, Kind.INSTANCE, thing.region, thing.token)
        except AwsError as error:
            return f"it may be what ends an instance, and {error.problems[0].message}"
    return f"it is needed while {lives[0]} is there" if lives else ""


def _needs(thing: Thing) -> bool:
    """Whether what ends a lease is needed while this is left of it: what is attached shows that an
    instance lives which AWS does not describe yet."""
    if thing.kind in (Kind.VOLUME, Kind.INTERFACE):
        return thing.state == "in-use"
    return thing.kind in (Kind.INSTANCE, Kind.SCHEDULE)


class _Round:
    """The things of one class, until none is described any more or no more attempt is left."""

    def __init__(self, aws: Aws, kind: Kind, on_step: Callable[[str], None], pause: Pause) -> None:
        self._aws, self._kind, self._on_step, self._pause = aws, kind, on_step, pause
        self._gone: list[Thing] = []
        self._left: list[Left] = []
        self._refused: dict[Thing, AwsError] = {}

    def run(self, todo: list[Thing]) -> Swept:
        for attempt in range(ATTEMPTS):
            if attempt > 1:
                self._pause(PAUSE_S)
            todo = self._still_there(todo)
            if not todo:
                break
            self._delete(todo)
        else:
            todo = self._still_there(todo)
        self._left += [self._as_left(thing) for thing in todo]
        return Swept(tuple(self._gone), tuple(self._left))

    def _still_there(self, todo: list[Thing]) -> list[Thing]:
        """Those that may be asked for (again); the others are gone, or left for good."""
        there: dict[tuple[str, str], Thing] = {}
        blind: dict[tuple[str, str], AwsError] = {}
        for region, token in sorted({(thing.region, thing.token) for thing in todo}):
            try:
                found = look(self._aws, self._kind, region, token)
                there |= {(region, thing.id): thing for thing in found}
            except AwsError as error:
                blind[region, token] = error
        again = []
        for thing in todo:
            unseen = blind.get((thing.region, thing.token))
            found_now = there.get((thing.region, thing.id))
            if unseen:
                self._left.append(Left(thing, f"it cannot be looked at: {_first(unseen)}"))
            elif found_now is None:
                self._gone.append(thing)
                self._on_step(f"{thing}: gone")
            elif found_now.deadline_text != thing.deadline_text:
                self._left.append(Left(thing, "its lease was renewed meanwhile"))
            elif thing in self._refused and self._refused[thing].code in IN_VAIN:
                self._left.append(self._as_left(thing))
            else:
                again.append(thing)
        return again

    def _delete(self, todo: list[Thing]) -> None:
        if self._kind is Kind.INSTANCE:
            # All are told before one is waited for.
            self._each(todo, lambda thing: ask_to_end(self._aws, thing.region, thing.id))
            told = [thing for thing in todo if thing not in self._refused]
            self._each(told, self._wait_for_end)
        else:
            self._each(todo, lambda thing: delete(self._aws, thing))

    def _each(self, todo: Iterable[Thing], act: Callable[[Thing], None]) -> None:
        for thing in todo:
            try:
                act(thing)
                self._refused.pop(thing, None)
            except AwsError as error:
                self._refused[thing] = error

    def _wait_for_end(self, thing: Thing) -> None:
        end_instance(
            self._aws,
            thing.region,
            thing.id,
            lambda state: self._on_step(f"{thing}: {state}"),
            pause=self._pause,
        )

    def _as_left(self, thing: Thing) -> Left:
        error = self._refused.get(thing)
        if error is None:
            return Left(thing, "AWS took the order to delete it, and still shows it")
        return Left(thing, _first(error), error.problems[0].hint)


def _first(error: AwsError) -> str:
    return error.problems[0].message
