"""A demo that was cut off, changed, or cannot run: what a newcomer sees then."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from freehold.lab.process import Process
from tests.deadline import in_time
from tests.demo.test_demo import ROOT, checkout, demo, left_of  # noqa: F401  # a fixture

STACK_FILE = "stacks/Pulumi.demo.yaml"
QUESTION = "> What is the capital of France? Answer in one sentence."
WITHOUT_MOUNTS = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]


def shell(checkout: Path, line: str) -> str:  # noqa: F811
    """stdout of a line in a shell on the demo, which must succeed."""
    done = subprocess.run(
        ["bash", "-ec", f". .demo/env; {line}"],
        cwd=checkout,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def locks(checkout: Path) -> list[int]:  # noqa: F811
    """The engines that have the stack locked."""
    found = (checkout / ".demo/state/.pulumi/locks").rglob("*.json")
    return [json.loads(lock.read_text())["pid"] for lock in found]


def start(checkout: Path) -> subprocess.Popen[str]:  # noqa: F811
    return subprocess.Popen(
        [checkout / ".venv/bin/python", "-m", "demo", "up"],
        cwd=checkout,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def cut_off(checkout: Path) -> str:  # noqa: F811
    """What `up` says after one that Ctrl-C ended and one that was killed with its engine."""
    interrupted = start(checkout)
    sets = checkout / ".demo/lab/demo/demo-1/upper/var/lib/freehold"
    assert in_time(lambda: list(sets.glob("*/*.partial")), timeout_s=90)
    os.killpg(interrupted.pid, signal.SIGINT)  # as a terminal does
    said, _ = interrupted.communicate(timeout=30)
    assert interrupted.returncode == 130, said
    assert "`make demo` goes on from here" in said
    assert "Traceback" not in said
    assert locks(checkout) == []

    killed = start(checkout)
    assert in_time(lambda: locks(checkout), timeout_s=90)
    (engine,) = locks(checkout)
    killed.kill()
    os.kill(engine, signal.SIGKILL)
    killed.communicate()
    assert locks(checkout) == [engine]

    done, _ = demo(checkout, "up")
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_one_that_was_cut_off_goes_on_to_an_answer(cut_off: str) -> None:
    answer = cut_off.partition(QUESTION)[2].partition("times ")[0]
    assert len(answer.split()) > 3


def test_its_shell_previews_a_change_of_the_stack_file_line_by_line(
    checkout: Path,  # noqa: F811
    cut_off: str,
) -> None:
    shell(checkout, "pulumi preview --non-interactive --expect-no-changes")
    assert shell(checkout, "fab service.status").startswith("demo-1  ready, pid ")
    file = checkout / STACK_FILE
    before = file.read_text()
    file.write_text(before.replace("context_tokens: 2048", "context_tokens: 1024"))
    try:
        shown = shell(checkout, "pulumi preview --non-interactive --diff").splitlines()
    finally:
        file.write_text(before)
    assert [line.split() for line in shown if "--ctx-size" in line] == [
        ["-", "--ctx-size", "2048", "\\"],
        ["+", "--ctx-size", "1024", "\\"],
    ]


def test_one_whose_box_died_is_removed_all_the_same(
    checkout: Path,  # noqa: F811
    cut_off: str,
) -> None:
    box = Process.read(checkout / ".demo/lab/demo/demo-1/pid")
    assert box
    box.kill()
    down, _ = demo(checkout, "down")
    assert down.returncode == 0, down.stdout
    assert "the demo is gone" in down.stdout
    assert in_time(lambda: not left_of(checkout)), left_of(checkout)
    assert [file for file in (".demo", STACK_FILE) if (checkout / file).exists()] == []


CANNOT = {
    "no tools": ([], {"PATH": ""}, "not found: `bin/setup --lab` installs"),
    "no right to mount": (WITHOUT_MOUNTS, {}, "root may not mount file systems here"),
}


@pytest.mark.parametrize("why", CANNOT)
def test_where_boxes_cannot_run_it_says_so_at_once_and_makes_nothing(
    tmp_path: Path, why: str
) -> None:
    prefix, env, told = CANNOT[why]
    if prefix and (os.geteuid() != 0 or not shutil.which(prefix[0])):
        pytest.skip("only root can give up a right of root's")
    place = tmp_path / "checkout"
    shutil.copytree(ROOT / "demo", place / "demo")
    (place / "freehold").symlink_to(ROOT / "freehold")
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "demo", "up"],
        cwd=place,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "demo: lab boxes cannot run on this machine: " in done.stdout
    assert told in done.stdout
    assert "Hint: all else works here" in done.stdout
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in place.iterdir()) == ["demo", "freehold"]
