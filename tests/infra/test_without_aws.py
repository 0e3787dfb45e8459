"""A stack of owned boxes has nothing to do with AWS, even where all that renting takes is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.infra.conftest import MakeStack
from tests.infra.stack import ROOT

OF_RENTING = ("pulumi_aws", "boto3", "botocore")


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH: an import of each of them leaves a file called `imported` there."""
    for name in OF_RENTING:
        package = tmp_path / "traps" / name
        package.mkdir(parents=True)
        text = "import pathlib\npathlib.Path(__file__).with_name('imported').touch()\n"
        (package / "__init__.py").write_text(text)
    return tmp_path / "traps"


def imported(traps: Path) -> list[str]:
    return sorted(path.parent.name for path in traps.glob("*/imported"))


def test_the_traps_hear_of_an_import(traps: Path) -> None:
    for name in OF_RENTING:
        subprocess.run(
            [str(ROOT / ".venv/bin/python"), "-c", f"import {name}"],
            env={"PYTHONPATH": str(traps)},
            check=True,
        )
    assert imported(traps) == sorted(OF_RENTING)


def test_neither_preview_nor_up_nor_destroy_imports_what_renting_takes(
    make_stack: MakeStack, traps: Path
) -> None:
    stack = make_stack()
    stack.env["PYTHONPATH"] = str(traps)
    stack.preview().must()
    stack.up().must()
    stack.destroy().must()
    assert imported(traps) == []
