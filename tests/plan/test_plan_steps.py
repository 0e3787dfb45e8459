"""Plans as a table: what was found against what is wanted, and exactly these steps."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.apply.converge import plan
from freehold.facts.unit import WatchedFile
from freehold.plan.fileset import HEADROOM_BYTES, FileSet
from freehold.plan.item import Item
from freehold.plan.steps import (
    EnableUnit,
    LeaveBox,
    Plan,
    PruneFolders,
    ReloadUnits,
    RemoveFileSet,
    RemoveUnit,
    RestartUnit,
    RestoreFile,
    StartUnit,
    SyncFileSet,
    WipeFileSet,
    WipeSets,
    describe,
)
from freehold.plan.unit import Unit
from tests.hosts.fake import FakeHost
from tests.plan.wanted import (
    FILE,
    GIB,
    PLACE,
    PLACED,
    RUNNING,
    SET,
    STOPPED,
    UNIT,
    WEIGHTS,
    but,
    watched,
)

STEPS: dict[str, tuple[Item, Any, Plan]] = {
    "a file as it should be": (FILE, PLACED, ()),
    "no file": (FILE, None, (PLACE,)),
    "another content": (FILE, but(PLACED, content=b"content"), (PLACE,)),
    "another mode": (FILE, but(PLACED, mode="0644"), (PLACE,)),
    "another owner": (FILE, but(PLACED, owner="admin:root"), (PLACE,)),
    "a set as it should be": (FileSet(WEIGHTS), SET, ()),
    "no set": (
        FileSet(WEIGHTS),
        but(SET, proven=frozenset()),
        (SyncFileSet(WEIGHTS, ("m-1.gguf", "m-2.gguf")),),
    ),
    "one file of a set missing": (
        FileSet(WEIGHTS),
        but(SET, proven=frozenset({"m-1.gguf"})),
        (SyncFileSet(WEIGHTS, ("m-2.gguf",)),),
    ),
    "exactly enough disk": (
        FileSet(WEIGHTS),
        but(SET, proven=frozenset(), disk_available_bytes=5 * GIB + HEADROOM_BYTES),
        (SyncFileSet(WEIGHTS, ("m-1.gguf", "m-2.gguf")),),
    ),
    "enough disk for the rest of an interrupted sync": (
        FileSet(WEIGHTS),
        but(SET, proven=frozenset(), staged_bytes=4 * GIB, disk_available_bytes=2 * GIB),
        (SyncFileSet(WEIGHTS, ("m-1.gguf", "m-2.gguf")),),
    ),
    "a set whose proof was lost on a full disk: mending takes no room": (
        FileSet(WEIGHTS),
        but(
            SET,
            proven=frozenset(),
            unproven_bytes=5 * GIB,
            disk_available_bytes=HEADROOM_BYTES,
        ),
        (SyncFileSet(WEIGHTS, ("m-1.gguf", "m-2.gguf")),),
    ),
    "a full disk with the set on it": (FileSet(WEIGHTS), but(SET, disk_available_bytes=0), ()),
    "a unit as it should be": (UNIT, RUNNING, ()),
    "a unit that is stopped": (UNIT, STOPPED, (StartUnit("u.service", "it is inactive"),)),
    "a unit that failed": (
        UNIT,
        but(STOPPED, active_state="failed"),
        (StartUnit("u.service", "it is failed"),),
    ),
    "a unit that was never there": (
        UNIT,
        but(STOPPED, is_enabled=False),
        (EnableUnit("u.service"), StartUnit("u.service", "it is inactive")),
    ),
    "a unit that is not enabled": (
        UNIT,
        but(RUNNING, is_enabled=False),
        (EnableUnit("u.service"),),
    ),
    "a unit file that systemd has not read": (
        UNIT,
        but(RUNNING, needs_daemon_reload=True),
        (ReloadUnits(),),
    ),
    "a file that changed since the start": (
        UNIT,
        but(RUNNING, watched=watched(b=1000.1)),
        (RestartUnit("u.service", "older than /etc/b"),),
    ),
    "two files that changed, one of them gone": (
        UNIT,
        but(RUNNING, watched=watched(a=None, b=1001.0)),
        (RestartUnit("u.service", "older than /etc/a, /etc/b"),),
    ),
    "a changed file of a stopped unit": (
        UNIT,
        but(STOPPED, watched=watched(b=1001.0)),
        (StartUnit("u.service", "it is inactive"),),
    ),
    "a new unit file over a running unit": (
        UNIT,
        but(RUNNING, needs_daemon_reload=True, watched=watched(a=1001.0)),
        (ReloadUnits(), RestartUnit("u.service", "older than /etc/a")),
    ),
    "a changed file of the service that a timer starts": (
        Unit("u.timer", ("/etc/systemd/system/u.service",)),
        but(
            RUNNING,
            watched={"/etc/systemd/system/u.service": WatchedFile("c" * 64, 1001.0)},
        ),
        (ReloadUnits(), RestartUnit("u.timer", "older than /etc/systemd/system/u.service")),
    ),
    "a unit that waits before its next start": (
        UNIT,
        but(STOPPED, active_state="activating", sub_state="auto-restart"),
        (StartUnit("u.service", "it crashed"),),
    ),
}


@pytest.mark.parametrize("case", STEPS)
def test_what_was_found_gives_exactly_these_steps(case: str) -> None:
    item, found, steps = STEPS[case]
    assert item.plan("node-1", found) == steps


def test_a_unit_is_planned_only_when_the_files_before_it_are_there() -> None:
    host = FakeHost("node-1")
    items: list[Item] = [UNIT, FILE]
    assert plan(host, items, [STOPPED, None]) == (PLACE,)
    assert plan(host, items, [STOPPED, PLACED]) == (StartUnit("u.service", "it is inactive"),)
    assert plan(host, items, [RUNNING, PLACED]) == ()


def test_each_step_is_described_in_one_line() -> None:
    steps = [step for _, _, plan in STEPS.values() for step in plan]
    steps += [
        RestoreFile("/etc/x"),
        RemoveFileSet(WEIGHTS),
        WipeFileSet(WEIGHTS, "auto"),
        WipeSets("auto"),
        WipeSets("auto", "m"),
        RemoveUnit("u.service"),
        LeaveBox(),
        PruneFolders(),
    ]
    lines = [describe(step) for step in steps]
    assert "restart u.service (older than /etc/b)" in lines
    assert all(line and "\n" not in line and "content" not in line for line in lines)
