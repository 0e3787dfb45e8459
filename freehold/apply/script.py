"""Steps as one script, so that a whole plan takes one round trip."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from freehold.hosts.command import Command
from freehold.hosts.host import Host, failure
from freehold.plan.steps import (
    EnableUnit,
    LeaveBox,
    PlaceFile,
    PruneFolders,
    ReloadUnits,
    RemoveFileSet,
    RemoveUnit,
    RestartUnit,
    RestoreFile,
    StartUnit,
    Step,
    StopUnit,
    Untune,
    describe,
)

PRELUDE = Path(__file__).with_name("box.sh").read_text()


def run_steps(host: Host, steps: Sequence[Step]) -> None:
    """Carry out all `steps` in order, in one round trip; stop at the first that fails.

    Raises HostError naming that step, with the last lines of its stderr.
    """
    lines = [PRELUDE]
    for index, step in enumerate(steps):
        lines += [f"begin {index}", _line(step)]
    secrets = tuple(
        s.content.decode().strip() for s in steps if isinstance(s, PlaceFile) and s.is_secret
    )
    done = host.run(Command("\n".join(lines), "applying the plan", secrets))
    if done.exit_status:
        begun = done.stdout.rpartition("\036")[2].strip().splitlines()
        where = describe(steps[int(begun[0])]) if begun else "before the first step"
        # stdout holds our own marks alone.
        raise failure(host.name, where, dataclasses.replace(done, stdout=""))


def _line(step: Step) -> str:
    match step:
        case PlaceFile(path=path, content=content, mode=mode):
            text = base64.encodebytes(content).decode()
            return f"place {quote(path)} {mode} <<'.'\n{text}."
        case RestoreFile(path=path):
            return f"restore {quote(path)}"
        case RemoveFileSet(manifest=manifest):
            return f"remove_set {quote(manifest.node_folder)}"
        case ReloadUnits():
            return "systemctl daemon-reload"
        case EnableUnit(unit=unit):
            return f"systemctl enable -q {quote(unit)}"
        case StartUnit(unit=unit) | RestartUnit(unit=unit):
            return f"start_unit {quote(unit)}"
        case StopUnit(unit=unit):
            return f"systemctl stop {quote(unit)}"
        case RemoveUnit(unit=unit):
            return f"remove_unit {quote(unit)}"
        case Untune(program=program):
            return f"untune {quote(program)}"
        case LeaveBox():
            return "leave"
        case PruneFolders():
            return "prune"
        case _:
            raise TypeError(f"not a step of a script: {step!r}")
