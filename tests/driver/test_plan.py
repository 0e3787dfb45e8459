"""What was found gives the next stage's steps, or the reason why there are none."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import pytest

from freehold.facts.driver import DebPackage, DriverFacts, KeptFile, Offered, UnitState
from freehold.hosts.host import HostError
from freehold.plan.driver import Driver, reboot_foreseen
from freehold.plan.driver_steps import Reboot, describe_driver
from freehold.plan.driver_versions import choose
from freehold.plan.driver_wanted import DriverWanted, package_names
from freehold.plan.item import PlanError
from freehold.plan.steps import describe
from freehold.render.driver_paths import SOURCE
from freehold.service.reboot import Rebooting, reboot
from freehold.spec.driver import Reboots
from tests.driver.cases import facts
from tests.hosts.fake import FakeHost

NVIDIAS = "https://developer.download.nvidia.com/compute/cuda/repos/ubuntu2404/x86_64"
UBUNTU = facts("ubuntu24.04", ["0x2330"])
WORKING = dataclasses.replace(
    UBUNTU,
    loaded_version="580.95.05",
    on_disk_version="580.95.05",
    library_version="580.95.05",
    smi_version="580.95.05",
)


def but(found: DriverFacts, **changes: Any) -> DriverFacts:
    return dataclasses.replace(found, **changes)


def planned(found: DriverFacts, **wanted: Any) -> list[str]:
    return [describe(s) for s in Driver(DriverWanted(580, **wanted)).plan("node-1", found)]


def test_a_bare_box_begins_with_its_source_and_what_https_needs() -> None:
    steps = planned(UBUNTU)
    assert steps[0] == f"place {SOURCE}"
    assert steps[-1] == "install ca-certificates (for https)"


def test_what_works_and_is_anothers_is_left_alone() -> None:
    assert planned(WORKING) == []
    with pytest.raises(PlanError, match=r"expected the run-time libraries of CUDA 13\.0") as stop:
        planned(WORKING, cuda="13.0")
    assert "apt-get install cuda-cudart-13-0 libcublas-13-0" in str(stop.value)
    assert planned(but(WORKING, cuda=(12, 13)), cuda="13.0") == []


def test_what_works_but_is_another_branch_or_lacks_its_fabric_manager_is_not_left() -> None:
    with pytest.raises(PlanError, match="585"):
        Driver(DriverWanted(585)).plan("n", but(WORKING, runfile="/usr/bin/nvidia-uninstall"))
    assert planned(but(WORKING, nvswitches=4))[0] == f"place {SOURCE}"


def test_an_interrupted_dpkg_is_ended_before_anything_else() -> None:
    assert planned(but(UBUNTU, is_dpkg_interrupted=True)) == ["have dpkg end what was interrupted"]


def test_every_stop_is_told_at_once() -> None:
    with pytest.raises(PlanError) as stops:
        Driver(DriverWanted(590, "13.0")).plan(
            "n", but(facts("debian11", ["0x1b06"]), runfile="/usr/bin/nvidia-uninstall")
        )
    assert len(stops.value.problems) == 3
    assert "debian11 on amd64" in str(stops.value)


def test_all_packages_are_of_the_newest_version_that_each_of_them_is_offered_in() -> None:
    names = package_names(DriverWanted(580), but(UBUNTU, nvswitches=4))
    of = {"580.82.07": 4, "580.95.05": 4, "580.105.08": 3, "590.44.01": 4}
    offered = tuple(
        Offered(group[0], f"{version}-1ubuntu1", NVIDIAS)
        for version, count in of.items()
        for group in names.tied[:count]
    )
    # Another source's are never taken, however new.
    offered += (Offered("nvidia-fabricmanager-580", "580.105.08-0ubuntu1", "http://ubuntu"),)
    found = but(UBUNTU, nvswitches=4, offered=offered)
    choice = choose(DriverWanted(580), found, names, f"{NVIDIAS}/")
    assert {package.partition("=")[2] for package in choice.packages} == {"580.95.05-1ubuntu1"}
    assert len(choice.packages) == 4
    lacking = choose(DriverWanted(585), found, names, NVIDIAS).lacking
    assert "nvidia-dkms-580-open" in lacking


def test_packages_of_the_other_branch_are_removed_in_the_same_call() -> None:
    names = package_names(DriverWanted(580), UBUNTU)
    offered = tuple(Offered(g[0], "580.95.05-1ubuntu1", NVIDIAS) for g in names.tied)
    there = {"libnvidia-compute": DebPackage("libnvidia-compute", "590.44.01-1ubuntu1", True)}
    choice = choose(DriverWanted(580), but(UBUNTU, offered=offered, packages=there), names, NVIDIAS)
    assert choice.removed == ("libnvidia-compute",)


@pytest.mark.parametrize(
    ("text", "minute", "is_allowed"),
    [
        ("never", 0, False),
        ("allowed", 0, True),
        ("02:00-05:00", 119, False),
        ("02:00-05:00", 120, True),
        ("02:00-05:00", 300, False),
        ("22:00-05:00", 1439, True),
        ("22:00-05:00", 0, True),
        ("22:00-05:00", 720, False),
    ],
)
def test_a_reboot_is_allowed_by_the_boxs_own_clock(
    text: str, minute: int, is_allowed: bool
) -> None:
    assert Reboots(text).allows(minute) is is_allowed


def test_a_preview_foresees_a_reboot() -> None:
    wanted = DriverWanted(590, reboot=Reboots("never"))
    assert reboot_foreseen(wanted, but(UBUNTU, is_nouveau_loaded=True)) == (
        "it will take a reboot (nouveau is loaded); freehold:driver.reboot is never"
    )
    assert "580.95.05 is loaded" in (reboot_foreseen(wanted, WORKING) or "")
    assert reboot_foreseen(wanted, UBUNTU) is None


def test_this_machine_is_never_rebooted() -> None:
    own = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    host = FakeHost("node-1")
    step = Reboot(own, "", "nouveau is loaded")
    with pytest.raises(HostError, match="expected another machine than this one to reboot"):
        reboot(host, step, Rebooting(8080, cancelled=threading.Event()))
    assert host.commands == []
    host.close()


def test_a_file_of_ours_that_is_there_makes_it_ours() -> None:
    kept = {SOURCE: KeptFile("0644", "root:root", "0" * 64, 0.0)}
    assert planned(but(WORKING, kept=kept)) != []


def test_each_step_is_described_in_one_line() -> None:
    assert describe_driver(Reboot("b", "m", "why")) == "drain, stop and reboot (why)"


def test_a_unit_that_is_older_than_its_drop_in_is_restarted() -> None:
    daemon = UnitState("loaded", "active", "enabled", False, 100.0)
    found = but(WORKING, persistenced=daemon)
    steps = [describe(step) for step in Driver(DriverWanted(580))._served(found)]
    assert steps[-1].startswith("restart nvidia-persistenced.service")
