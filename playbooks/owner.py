"""Whose signature a task makes or asks for."""

from __future__ import annotations

import os
from pathlib import Path

from freehold.spec import stacks
from freehold.weights.owner import Owner
from playbooks.nodes import ROOT, stack


def owner_of(option: str, store: str = "", *, is_asked_for: bool = True) -> Owner | None:
    """Of --owner, else the selected stack's; of the store of --store nothing is known.

    Where it `is_asked_for` an error of the stack is one; else no stack is needed.
    """
    if option:
        return Owner.of(Path(option).expanduser())
    if store or not (is_asked_for or stacks(ROOT) or os.environ.get("PULUMI_STACK")):
        return None
    key = stack().owner
    return Owner.of(key) if key else None
