"""The disks of a rented machine: made one, mounted again after a restart, never made twice."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from freehold.render.service import NoContext
from freehold.render.templates import render
from freehold.rent.user_data import SCRATCH_PATH

BY_ID = "dev/disk/by-id"
PREFIX = "nvme-Amazon_EC2_NVMe_Instance_Storage_AWS"


@dataclass
class Machine:
    """A folder as a machine's root, and stand-ins that note what they are told."""

    root: Path

    def program(self, name: str, script: str = "") -> None:
        """A stand-in, which notes its arguments and then does as the script says."""
        path = self.root / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.root}/told\n{script}\n')
        path.chmod(0o755)

    def disk(self, number: int) -> str:
        """One more, by the names that udev gives it; its device."""
        device = self.root / f"dev/nvme{number}n1"
        device.parent.mkdir(exist_ok=True)
        device.touch()
        folder = self.root / BY_ID
        folder.mkdir(parents=True, exist_ok=True)
        for name in (
            f"{PREFIX}{number:03d}",
            f"{PREFIX}{number:03d}_1",
            f"{PREFIX}{number:03d}-part1",
        ):
            (folder / name).symlink_to(device)
        return str(device)

    def start(self) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        script = self.root / "scratch"
        script.write_text(render(SCRATCH_PATH, NoContext()))
        env = {"PATH": f"{self.root}/bin:/usr/bin:/bin", "FREEHOLD_ROOT": str(self.root)}
        return subprocess.run(["/bin/sh", str(script)], env=env, capture_output=True, text=True)

    @property
    def told(self) -> list[str]:
        """What the stand-ins were told, since the last time."""
        noted = self.root / "told"
        lines = noted.read_text().splitlines() if noted.exists() else []
        noted.unlink(missing_ok=True)
        return [line for line in lines if not line.startswith(("udevadm", "mountpoint", "blkid"))]

    @property
    def target(self) -> Path:
        """Where weights lie."""
        return self.root / "var/lib/freehold"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.program("udevadm")
    made.program("mountpoint", "exit 1")
    made.program("blkid", "exit 2")
    for name in ("mdadm", "mkfs.xfs", "mount"):
        made.program(name)
    return made


def test_eight_disks_become_one_array_each_once(machine: Machine) -> None:
    disks = [machine.disk(number) for number in range(1, 9)]
    assert machine.start().returncode == 0
    assert machine.told == [
        f"mdadm --create /dev/md/freehold --run --level=0 --name=freehold --raid-devices=8 "
        f"{' '.join(disks)}",
        "mkfs.xfs -q -f -K -L freehold /dev/md/freehold",
        f"mount -o noatime /dev/md/freehold {machine.target}",
    ]


def test_a_single_disk_needs_no_array(machine: Machine) -> None:
    disk = machine.disk(1)
    assert machine.start().returncode == 0
    assert machine.told == [
        f"mkfs.xfs -q -f -K -L freehold {disk}",
        f"mount -o noatime {disk} {machine.target}",
    ]


def test_without_disks_of_its_own_weights_lie_on_the_root_disk(machine: Machine) -> None:
    (machine.root / BY_ID).mkdir(parents=True)
    (machine.root / BY_ID / "nvme-Amazon_Elastic_Block_Store_vol0123").symlink_to("/dev/null")
    done = machine.start()
    assert done.returncode == 0
    assert "weights lie on that" in done.stdout
    assert machine.told == []
    assert machine.target.is_dir()


def test_a_second_run_changes_nothing(machine: Machine) -> None:
    machine.disk(1)
    machine.program("mountpoint", "exit 0")
    assert machine.start().returncode == 0
    assert machine.told == []


def test_after_a_restart_what_is_there_is_mounted_under_whatever_name_it_has(
    machine: Machine,
) -> None:
    machine.disk(1), machine.disk(2)
    machine.program("blkid", "echo /dev/md127")
    assert machine.start().returncode == 0
    assert machine.told == [f"mount -o noatime /dev/md127 {machine.target}"]


def test_an_array_of_a_start_that_was_cut_off_is_made_again(machine: Machine) -> None:
    for number in (1, 2):
        machine.disk(number)
        (machine.root / f"sys/block/nvme{number}n1/holders/md127").mkdir(parents=True)
    assert machine.start().returncode == 0
    told = machine.told
    assert told[0] == "mdadm --stop /dev/md127"
    assert told[2].startswith("mdadm --create /dev/md/freehold --run")


@pytest.mark.parametrize("name", ["mdadm", "mkfs.xfs", "mount"])
def test_what_fails_is_a_failure_and_nothing_is_mounted(machine: Machine, name: str) -> None:
    machine.disk(1), machine.disk(2)
    machine.program(name, "exit 5")
    assert machine.start().returncode != 0
    assert machine.told[-1].startswith(name)


def test_what_an_image_lacks_for_it_is_installed_and_only_then(machine: Machine) -> None:
    machine.disk(1), machine.disk(2)
    (machine.root / "bin/mdadm").unlink()
    machine.program(
        "apt-get", f"[ $1 != -qq ] || ln -sf {machine.root}/bin/udevadm {machine.root}/bin/mdadm"
    )
    assert machine.start().returncode == 0
    assert [line.split()[0] for line in machine.told][:2] == ["apt-get", "apt-get"]
