"""Tasks in a checkout without a stack, or with several of which none is selected."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.stack import ROOT

OURS = ("fabfile.py", "playbooks", "freehold", "templates", "stacks/reference.yaml")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The code, and no stack."""
    for name in OURS:
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    return tmp_path


def refused(checkout: Path, task: str, **selected: str) -> str:
    """stderr of a task that must fail."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
    done = subprocess.run(
        [ROOT / ".venv/bin/fab", task],
        cwd=checkout,
        env={**env, "PULUMI_BACKEND_URL": f"file://{checkout}", **selected},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("task", ["node.facts", "weights.list", "weights.sync", "service.stop"])
def test_no_stack_is_an_error_that_says_what_to_do(checkout: Path, task: str) -> None:
    assert refused(checkout, task) == (
        "stacks: expected one selected stack, found none\n"
        "Hint: pulumi stack select NAME, or set PULUMI_STACK\n"
    )


def test_several_stacks_are_not_guessed_among(checkout: Path) -> None:
    for name in ("east", "west"):
        shutil.copy(ROOT / "demo/Pulumi.demo.yaml", checkout / f"stacks/Pulumi.{name}.yaml")
    assert "found east, west\n" in refused(checkout, "node.facts")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gone", "stacks/Pulumi.gone.yaml: no such file"),
        ("../gone", "expected a stack name of letters"),
    ],
)
def test_a_selected_stack_that_is_not_there_is_named(checkout: Path, name: str, told: str) -> None:
    assert told in refused(checkout, "node.facts", PULUMI_STACK=name)


def test_a_store_that_is_not_there_is_named_before_any_box_is_asked(checkout: Path) -> None:
    shutil.copy(ROOT / "demo/Pulumi.demo.yaml", checkout / "stacks/Pulumi.only.yaml")
    for task in ("weights.sync", "weights.verify", "node.drift", "node.doctor"):
        assert f"{checkout}/.demo/store: expected the store's folder, found nothing" in refused(
            checkout, task
        )
