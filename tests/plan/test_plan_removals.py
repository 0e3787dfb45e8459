"""What goes when an item goes."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.plan.box import Box
from freehold.plan.file import File
from freehold.plan.fileset import FileSet
from freehold.plan.item import Item
from freehold.plan.steps import (
    LeaveBox,
    Plan,
    PruneFolders,
    ReloadUnits,
    RemoveFileSet,
    RemoveUnit,
    RestoreFile,
    WipeFileSet,
    WipeSets,
)
from tests.plan.wanted import (
    BOX,
    ENGINE,
    FILE,
    PLACED,
    RUNNING,
    SET,
    STOPPED,
    UNIT,
    WEIGHTS,
    but,
)

REMOVALS: dict[str, tuple[Item, Any, Plan]] = {
    "a file": (FILE, PLACED, (RestoreFile(FILE.path), PruneFolders())),
    "a unit file": (
        File("/etc/systemd/system/u.service", b""),
        None,
        (RestoreFile("/etc/systemd/system/u.service"), ReloadUnits(), PruneFolders()),
    ),
    "weights": (FileSet(WEIGHTS), SET, (WipeFileSet(WEIGHTS, "auto"), PruneFolders())),
    "weights that are only removed": (
        FileSet(WEIGHTS, "remove"),
        SET,
        (WipeFileSet(WEIGHTS, "remove"), PruneFolders()),
    ),
    "an engine": (FileSet(ENGINE), SET, (RemoveFileSet(ENGINE), PruneFolders())),
    "a unit": (UNIT, RUNNING, (RemoveUnit("u.service"),)),
    "a unit that is not there": (UNIT, but(STOPPED, load_state="not-found"), ()),
    "a unit that runs without its file": (
        UNIT,
        but(RUNNING, load_state="not-found"),
        (RemoveUnit("u.service"),),
    ),
    "a box": (
        Box("x86_64", "overwrite"),
        BOX,
        (LeaveBox(), WipeSets("overwrite"), PruneFolders()),
    ),
}


@pytest.mark.parametrize("case", REMOVALS)
def test_what_is_removed_is_exactly_what_was_brought(case: str) -> None:
    item, found, steps = REMOVALS[case]
    assert item.removal(found) == steps
