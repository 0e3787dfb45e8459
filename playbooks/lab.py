"""Lab boxes on this machine: real systemd and sshd, to try things on."""

from __future__ import annotations

import os
from typing import Any

from invoke.exceptions import Exit

from freehold import lab
from freehold.errors import FreeholdError
from playbooks.executor import task
from playbooks.nodes import ROOT
from playbooks.options import count_of

NAME = "lab"
STATE_DIRS = (lab.default_state_dir(), ROOT / ".demo" / "lab")


@task("up")
def up(_c: Any, count: str = "1", name: str = NAME) -> None:
    """Bring up lab boxes; prints how to reach them."""
    found = lab.up(
        name, count_of("--count", count), state_dir=lab.default_state_dir(), on_progress=print
    )
    for box in found.boxes:
        print(f"{box.name}  {box.address}  ssh -F {found.ssh_config} {box.name}")


@task("down")
def down(_c: Any, name: str = NAME) -> None:
    """Remove a lab: its boxes, mounts, network and files."""
    lab.down(name, lab.default_state_dir())


@task("list")
def show(_c: Any) -> None:
    """The labs on this machine and their boxes."""
    for box in _boxes():
        print(f"{box.name}  {box.address}  {'running' if box.is_running() else 'down'}")


@task("shell")
def shell(_c: Any, box: str) -> None:
    """A shell in a box, by SSH."""
    boxes = {found.name: found for found in _boxes()}
    if box not in boxes:
        there = ", ".join(boxes) or "none"
        raise FreeholdError.of(box, f"expected a running lab box, found {there}", "fab lab.up")
    argv = boxes[box].ssh_argv()
    raise Exit(code=os.spawnvp(os.P_WAIT, argv[0], argv))  # noqa: S606


def _boxes() -> list[lab.Box]:
    """Of every lab on this machine: the user's own, and the demo's."""
    labs = [found for folder in STATE_DIRS if folder.is_dir() for found in lab.list_labs(folder)]
    return [box for found in labs for box in found.boxes]
