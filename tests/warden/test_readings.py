"""What the warden reads of a machine: sensors that tell, lie or are silent, and nvidia-smi."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from freehold.warden.nvidia_smi import ABSENT, gpus
from freehold.warden.program import program_text
from freehold.warden.run import AskError, ask
from freehold.warden.sensors import temperatures
from tests.warden.stand_in import NVIDIA_SMI, gpu, sensor_files, write_state

PACKAGE = Path(__file__).parents[2] / "freehold/warden"


def tree(folder: Path, sensors: dict[str, object]) -> Path:
    for path, text in sensor_files(sensors).items():
        file = folder / "class" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    return folder


def test_every_sensor_is_told_by_its_chip_and_label(tmp_path: Path) -> None:
    sensors = {"coretemp/Package id 0": 71, "nvme/Composite": 44.85, "zone/acpitz": 27.8}
    found = temperatures(tree(tmp_path, sensors))
    assert {each["name"]: each["celsius"] for each in found} == sensors
    assert {each["why"] for each in found} == {None}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (-128, "absurd: -128 C"),
        (255, "absurd: 255 C"),
        ("", "no number"),
        ("N/A", "no number"),
    ],
)
def test_a_sensor_that_cannot_be_believed_is_told_with_the_reason(
    tmp_path: Path, said: object, why: str
) -> None:
    (found,) = temperatures(tree(tmp_path, {"nct6775/SYSTIN": said}))
    assert found == {"name": "nct6775/SYSTIN", "celsius": None, "why": why}


def test_a_sensor_that_fails_to_read_is_told(tmp_path: Path) -> None:
    path = tree(tmp_path, {"nvme/Composite": 40}) / "class/hwmon/hwmon0/temp1_input"
    path.unlink()
    path.symlink_to("/proc/self/mem")  # reading it from its beginning is EIO, as a lost disk's is
    (found,) = temperatures(tmp_path)
    assert (found["celsius"], found["why"]) == (None, "Input/output error")


def test_two_chips_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for path, text in sensor_files({"nvme/Composite": 40}).items():
        for hwmon in ("hwmon2", "hwmon10"):
            file = tmp_path / "class" / path.replace("hwmon0", hwmon)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    assert [each["name"] for each in temperatures(tmp_path)] == [
        "nvme/Composite",
        "nvme/Composite#2",
    ]


def test_a_machine_without_any_has_none(tmp_path: Path) -> None:
    assert temperatures(tmp_path) == []


@pytest.fixture
def nvidia(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in's state; it is the only nvidia-smi on the PATH."""
    folder, programs = tmp_path / "state", tmp_path / "bin"
    programs.mkdir()
    (programs / "nvidia-smi").symlink_to(NVIDIA_SMI)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN_NVIDIA", str(folder))
    write_state(folder, gpu(0), gpu(1, **{"power.draw": "[N/A]", "name": "A, B"}))
    return folder


@pytest.mark.parametrize("names", ["new-names", "old-names"])
def test_gpus_are_read_by_either_name_of_the_reasons(nvidia: Path, names: str) -> None:
    (nvidia / names).touch()
    one, two = gpus()
    assert (one["index"], one["watts"], one["limit_watts"], one["reasons"]) == (0, 301.5, 350.0, 4)
    assert (two["watts"], two["name"]) == (None, "A, B")


def test_a_hanging_nvidia_smi_costs_its_timeout_and_is_said(nvidia: Path) -> None:
    (nvidia / "hangs").touch()
    with pytest.raises(AskError, match=r"nvidia-smi did not answer in 0\.2 s"):
        gpus(timeout_s=0.2)


def test_an_nvidia_smi_that_fails_is_said_with_its_words(nvidia: Path) -> None:
    words = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
    (nvidia / "fails").write_text(words)
    with pytest.raises(AskError, match="couldn't communicate"):
        gpus()


def test_a_vanished_nvidia_smi_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AskError, match=ABSENT):
        gpus()


def test_lines_of_another_form_are_no_answer(nvidia: Path) -> None:
    strange: dict[str, Any] = gpu(0, **{"temperature.gpu": "warm"})
    write_state(nvidia, strange)
    with pytest.raises(AskError, match="a line that cannot be read"):
        gpus()


def test_a_child_that_survives_its_parent_does_not_hold_the_answer() -> None:
    with pytest.raises(AskError, match=r"sh did not answer in 0\.2 s"):
        ask(["sh", "-c", "sleep 60 & wait"], 0.2)


def test_the_program_is_one_source_that_runs_without_the_checkout(tmp_path: Path) -> None:
    file = tmp_path / "warden.py"
    file.write_text(program_text())
    done = subprocess.run(
        [sys.executable, "-I", file, "nonsense"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("expected one of report, ")


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_each_file_is_of_python_3_9(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 9))
