"""Templates and shell: strict, in the target's own tree, and clean to shellcheck."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path

import jinja2
import pytest
from jinja2 import meta

from freehold.build import on_node
from freehold.render import door, driver, driver_paths, launchd, paths
from freehold.render.guard import GuardContext
from freehold.render.service import NoContext, ServiceContext, VerifyContext
from freehold.render.telemetry import TelemetryContext, TelemetryTimerContext
from freehold.render.templates import TEMPLATES, render
from freehold.render.tuning import TuningContext
from freehold.rent import guard, task, user_data

SCRIPTS = sorted((TEMPLATES.parent / "freehold/apply").glob("*.sh"))


CONTEXTS = {
    paths.UNIT_PATH: ServiceContext,
    paths.VERIFY_UNIT_PATH: VerifyContext,
    paths.VERIFY_TIMER_PATH: NoContext,
    driver_paths.SOURCE: driver.SourceContext,
    driver_paths.PREFERENCES: driver.PreferencesContext,
    driver_paths.UPGRADES: driver.UpgradesContext,
    driver_paths.MODPROBE: NoContext,
    driver_paths.MODULES_LOAD: NoContext,
    driver_paths.PERSISTENCED: driver.PersistencedContext,
    launchd.SERVER_PLIST_PATH: launchd.ServerPlist,
    launchd.WIRED_PLIST_PATH: launchd.WiredPlist,
    paths.TUNING_UNIT_PATH: TuningContext,
    paths.GUARD_UNIT_PATH: GuardContext,
    paths.TELEMETRY_UNIT_PATH: TelemetryContext,
    paths.TELEMETRY_TIMER_PATH: TelemetryTimerContext,
    user_data.USER_DATA_PATH: user_data.UserDataContext,
    user_data.SCRATCH_PATH: NoContext,
    user_data.SCRATCH_UNIT_PATH: NoContext,
    guard.SCRIPT_PATH: NoContext,
    guard.GUARD_SERVICE_PATH: NoContext,
    guard.GUARD_TIMER_PATH: NoContext,
    task.TASK_UNIT_PATH: task.UnitContext,
    on_node.BUILD.unit_path: on_node.UnitContext,
    door.DOOR_CONFIG_PATH: door.ConfigContext,
    door.DOOR_UNIT_PATH: door.UnitContext,
    door.MAPS_PROGRAM_PATH: door.MapsContext,
}


@dataclass(frozen=True)
class Empty:
    """A context without anything."""


def test_a_name_that_the_context_lacks_raises() -> None:
    with pytest.raises(jinja2.UndefinedError, match="is undefined"):
        render(paths.UNIT_PATH, Empty())


def test_every_template_lies_where_its_file_lies_on_a_box() -> None:
    files = [path for path in TEMPLATES.rglob("*") if path.is_file()]
    targets = {f"/{path.relative_to(TEMPLATES)}" for path in files}
    assert targets == {f"{path}.j2" for path in CONTEXTS}


@pytest.mark.parametrize("path", CONTEXTS)
def test_a_template_uses_all_of_its_context_and_nothing_else(path: str) -> None:
    source = (TEMPLATES / f"{path.lstrip('/')}.j2").read_text()
    used = meta.find_undeclared_variables(jinja2.Environment().parse(source))  # noqa: S701
    assert used == {field.name for field in fields(CONTEXTS[path])}


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing_in_what_runs_on_a_box(script: Path) -> None:
    done = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_what_runs_on_a_box_is_posix_shell(script: Path) -> None:
    done = subprocess.run(["sh", "-n", str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert script.read_text().startswith("#!/bin/sh\n")
