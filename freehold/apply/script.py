"""Steps as one script, so that a whole plan takes one round trip."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from freehold.apply.driver_lines import driver_line, driver_prelude
from freehold.hosts.command import Command
from freehold.hosts.host import Host, failure
from freehold.plan.driver_steps import DriverStep
from freehold.plan.steps import (
    EnableUnit,
    InstallPackage,
    LeaveBox,
    PlaceFile,
    PruneFolders,
    ReloadUnit,
    ReloadUnits,
    RemoveFileSet,
    RemovePackage,
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
    if any(isinstance(step, DriverStep) for step in steps):
        lines.append(driver_prelude())
    for index, step in enumerate(steps):
        lines += [f"begin {index}", _line(step)]
    secrets = tuple(
        s.content.decode().strip() for s in steps if isinstance(s, PlaceFile) and s.is_secret
    )
    done = host.run(Command("\n".join(lines), "applying the plan", secrets))
    if done.exit_status:
        begun = done.stdout.rpartition("\036")[2].strip().splitlines()
        failed = steps[int(begun[0])] if begun else None
        where = describe(failed) if failed else "before the first step"
        # stdout holds our own marks alone.
        raise failure(host.name, where, dataclasses.replace(done, stdout=""), _hint(failed))


def _hint(step: Step | None) -> str | None:
    match step:
        case InstallPackage(name=name):
            return (
                f"`apt-get install {name}` on the box says the same; where the box reaches no "
                "mirror, install it there by hand: what is there already is used as it is"
            )
        case _:
            return None


def _line(step: Step) -> str:
    if isinstance(step, DriverStep):
        return driver_line(step)
    match step:
        case PlaceFile(path=path, content=content, mode=mode, group=group):
            text = base64.encodebytes(content).decode()
            return f"place {quote(path)} {mode} {quote(group)} <<'.'\n{text}."
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
        case ReloadUnit(unit=unit):
            return f"reload_unit {quote(unit)}"
        case StopUnit(unit=unit):
            return f"systemctl stop {quote(unit)}"
        case RemoveUnit(unit=unit):
            return f"remove_unit {quote(unit)}"
        case InstallPackage(name=name):
            return f"install_package {quote(name)}"
        case RemovePackage(name=name):
            return f"remove_package {quote(name)}"
        case Untune(program=program):
            return f"untune {quote(program)}"
        case LeaveBox():
            return "leave"
        case PruneFolders():
            return "prune"
        case _:
            raise TypeError(f"not a step of a script: {step!r}")
