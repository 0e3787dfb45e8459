"""Gather, plan, apply, gather again; converged when the last plan is empty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from freehold.apply.script import run_steps
from freehold.apply.syncing import Syncing
from freehold.apply.wipe import WipeRecord, wipe
from freehold.errors import Problem
from freehold.facts.fact import gather
from freehold.hosts.host import Host, HostError
from freehold.plan.item import Item, PlanError
from freehold.plan.steps import Plan, Step, SyncFileSet, WipeFileSet, WipeSets, describe
from freehold.weights.store import Store

WIPES = (WipeFileSet, WipeSets)
STAGES_MAX = 4  # files, then the units that read them, then the proof that nothing is left to do


def look(host: Host, items: Sequence[Item]) -> list[Any]:
    """The facts of all `items`, in one round trip."""
    return gather(host, [item.fact() for item in items])


def plan(host: Host, items: Sequence[Item], found: Sequence[Any]) -> Plan:
    """The steps that can be known now: items that follow others wait until those are converged."""
    pairs = list(zip(items, found, strict=True))
    first = _steps(host, [pair for pair in pairs if not pair[0].follows_others])
    return first or _steps(host, [pair for pair in pairs if pair[0].follows_others])


def all_steps(host: Host, items: Sequence[Item], found: Sequence[Any]) -> Plan:
    """Every step that is called for as things are: the drift. For a person, not for `apply`."""
    return _steps(host, list(zip(items, found, strict=True)))


def converge(
    host: Host,
    items: Sequence[Item],
    store: Store,
    syncing: Syncing | None = None,
) -> Plan:
    """Bring `host` to where `items` hold; the steps that it took, none if they held already.

    Raises PlanError where that cannot be, HostError where a step failed or where steps are left
    after STAGES_MAX stages; what was done until then stays, and the next call goes on from there.
    """
    done: Plan = ()
    for _ in range(STAGES_MAX):
        steps = plan(host, items, look(host, items))
        if not steps:
            return done
        apply(host, steps, store, syncing)
        done += steps
    left = [describe(step) for step in steps]
    raise HostError.of(host.name, "\n".join(["expected to be converged, still to do:", *left]))


def remove(
    host: Host,
    items: Sequence[Item],
    on_wiped: Callable[[WipeRecord], object] = lambda _record: None,
) -> Plan:
    """Leave the box as it was found: what `items` placed goes, what they replaced comes back.

    `on_wiped` hears what became of each set of weights.
    """
    found = look(host, items)
    pairs = list(zip(items, found, strict=True))
    steps = tuple(step for item, facts in reversed(pairs) for step in item.removal(facts))
    for is_wipe, group in groupby(steps, key=lambda step: isinstance(step, WIPES)):
        if not is_wipe:
            run_steps(host, list(group))
            continue
        for step in group:
            assert isinstance(step, WIPES)  # noqa: S101 - grouped by that
            for record in wipe(host, step):
                on_wiped(record)
    return steps


def apply(
    host: Host,
    steps: Plan,
    store: Store,
    syncing: Syncing | None = None,
) -> None:
    """Carry out `steps` in order, with as few round trips as they allow."""
    for is_sync, group in groupby(steps, key=lambda step: isinstance(step, SyncFileSet)):
        if not is_sync:
            run_steps(host, list(group))
            continue
        for step in group:
            assert isinstance(step, SyncFileSet)  # noqa: S101 - grouped by that
            (syncing or Syncing()).bring(host, step, store)


def _steps(host: Host, pairs: Sequence[tuple[Item, Any]]) -> Plan:
    problems: list[Problem] = []
    steps: list[Step] = []
    for item, facts in pairs:
        try:
            steps += item.plan(host.name, facts)
        except PlanError as error:
            problems += error.problems
    if problems:
        raise PlanError(problems)
    return tuple(steps)
