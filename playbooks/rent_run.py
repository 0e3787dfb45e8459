"""`fab rent.run`: up, one task, its results home, destroy, audit and report, in one command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit

from freehold.errors import FreeholdError
from freehold.rent.inputs import inputs_of
from freehold.rent.task import Task
from freehold.spec.model import Spec
from playbooks.executor import command_of_command_line, task
from playbooks.interrupts import Interrupts
from playbooks.nodes import stack
from playbooks.rent_course import Course

ABOUT = {
    "with": "files and folders that the command finds in its working folder (PATH,PATH,...)",
    "out": "folder here that the results come into (results)",
    "keep": "leave the instance up until its deadline",
    "local": "run the command on this machine, with the model at a port of its loopback",
}


@task("run", about=ABOUT, takes_command=True)
def run(
    _c: Any,
    with_: str = "",
    out: str = "results",
    keep: bool = False,
    local: bool = False,
) -> None:
    """Rent, run `-- COMMAND` on the node, bring its results home, destroy and report."""
    line, spec = command_of_command_line(), stack()
    _require(spec, line, with_, local)
    inputs = inputs_of(Path(path) for path in with_.split(",") if path)
    folder = Path(out).expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    course = Course(spec, Task(line, inputs), folder, keep, local)
    with Interrupts(course.last_words, folder / "run.log") as interrupts:
        code = course.go(interrupts)
    if code:
        sys.stdout.flush()
        raise Exit(code=code)


def _require(spec: Spec, line: str, with_: str, is_local: bool) -> None:
    if not line:
        raise FreeholdError.of(
            "rent.run", "expected a command, found none", "fab rent.run -- COMMAND"
        )
    if spec.rented is None:
        raise FreeholdError.of(
            "freehold:rented",
            "expected what is to be rented, found nothing",
            "stacks/reference.yaml shows the keys",
        )
    if is_local and with_:
        raise FreeholdError.of("--with", "expected no files for a command that runs here")
