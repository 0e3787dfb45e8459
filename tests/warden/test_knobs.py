"""The switches of a machine, each where it is, told as they are, and set."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from freehold.warden import knobs as module
from freehold.warden import tuning
from freehold.warden.knobs import knobs


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with swappiness 60, a disk with a partition under its weights, and no GPU."""
    (tmp_path / "swappiness").write_text("60\n")
    device = tmp_path.stat().st_dev
    disk = tmp_path / "devices/nvme0n1"
    (disk / "nvme0n1p1").mkdir(parents=True)
    (disk / "queue").mkdir()
    (disk / "queue/read_ahead_kb").write_text("128\n")
    (tmp_path / "block").mkdir()
    there = tmp_path / "block" / f"{os.major(device)}:{os.minor(device)}"
    there.symlink_to(disk / "nvme0n1p1")
    (tmp_path / "none").mkdir()
    monkeypatch.setattr(module, "SWAPPINESS", tmp_path / "swappiness")
    monkeypatch.setattr(module, "GOVERNORS", tmp_path / "none")
    monkeypatch.setattr(module, "CONTAINER", tmp_path / "container")
    monkeypatch.setattr(module, "BLOCK", tmp_path / "block")
    monkeypatch.setattr(module, "WEIGHTS", (str(tmp_path),))
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    return tmp_path


def told(settings: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    return [(knob.name, knob.found, knob.why) for knob in knobs(settings)]


def test_a_partition_has_the_read_ahead_of_its_disk(machine: Path) -> None:
    assert told({"read_ahead_kib": 4096}) == [("read-ahead of nvme0n1", "128", None)]


def test_weights_on_no_disk_of_their_own_are_told(machine: Path) -> None:
    next((machine / "block").iterdir()).unlink()
    assert told({"read_ahead_kib": 4096}) == [
        ("read-ahead", None, "no disk of its own under weights")
    ]


def test_the_kernel_is_not_touched_from_a_container(machine: Path) -> None:
    settings = {"swappiness": 10}
    assert told(settings) == [("vm.swappiness", "60", None)]
    (machine / "container").write_text("systemd-nspawn")
    assert told(settings) == [("vm.swappiness", None, "a container's kernel is its host's")]


def test_what_the_machine_has_not_is_told(machine: Path) -> None:
    assert told({"governor": "performance", "gpu_power_limit_watts": 280.0}) == [
        ("governor", None, "no frequency scaling"),
        ("GPUs", None, "no nvidia-smi"),
    ]


def test_what_is_not_spoken_of_is_not_looked_at(machine: Path) -> None:
    assert told({}) == []


def test_swappiness_is_set_and_put_back(machine: Path) -> None:
    settings, found = machine / "tuning.json", machine / "kept/found.json"
    settings.write_text(json.dumps({"swappiness": 10}))
    for _ in range(2):  # the second finds its own value, and forgets nothing
        assert tuning.tune(str(settings), str(found)) == 0
        assert (machine / "swappiness").read_text() == "10\n"
    assert tuning.untune(str(found)) == 0
    assert (machine / "swappiness").read_text() == "60\n"
    assert not found.parent.exists()
    assert tuning.untune(str(found)) == 0


def test_where_the_record_cannot_be_kept_nothing_is_changed(machine: Path) -> None:
    settings = machine / "tuning.json"
    settings.write_text(json.dumps({"swappiness": 10}))
    with pytest.raises(OSError, match="Not a directory"):
        tuning.tune(str(settings), str(settings / "found.json"))
    assert (machine / "swappiness").read_text() == "60\n"
