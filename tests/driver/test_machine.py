"""A bare box with GPUs gets its driver, keeps it, changes its branch, and goes back."""

from __future__ import annotations

import pytest

from freehold.plan.item import PlanError
from freehold.render.driver_paths import KEYRING, PREFERENCES
from tests.driver.machine import KERNEL, Machine
from tests.driver.parts import NEW, NEXT, OLD
from tests.infra.on_box import boot_id

SMI = "nvidia-smi --query-gpu=driver_version --format=csv,noheader | sort -u"
VERSIONS = "dpkg-query -W -f '${Version}\\n' '*nvidia*' | sed 's/-.*//' | sort -u"


def test_a_bare_box_gets_its_driver_with_one_reboot_and_then_nothing_is_left(
    machine: Machine,
) -> None:
    machine.fresh()
    before = boot_id(machine.box)
    done = machine.settle()
    assert [line for line in done if "reboot" in line] == [
        "drain, stop and reboot (nouveau is loaded)"
    ]
    assert boot_id(machine.box) != before
    assert machine.on(SMI) == NEW
    # NVIDIA's packages for Debian would take any newer one of each other: the pins hold them.
    assert machine.on(VERSIONS) == NEW
    assert machine.plan() == []
    assert machine.settle() == []


def test_what_freehold_installed_can_be_named_and_is_held(machine: Machine) -> None:
    found = machine.facts()
    assert {"dkms", f"linux-headers-{KERNEL}", "nvidia-driver-cuda"} <= set(found.installed_by_us)
    assert found.held == {name for name in found.packages if "nvidia" in name}
    machine.on("apt-get -s dist-upgrade | grep -c '^Inst .*nvidia' && exit 1; true")
    assert "580.*" in machine.on(f"cat {PREFERENCES}")


def test_the_other_branch_and_back_again_each_with_one_reboot(machine: Machine) -> None:
    for branch, version in ((590, NEXT), (580, NEW)):
        driver = machine.wanted(branch)
        done = machine.settle(driver)
        assert sum("reboot" in line for line in done) == 1
        assert machine.on(SMI) == machine.on(VERSIONS) == version
        assert machine.plan(driver) == []
        found = machine.facts(driver)
        assert found.held == {name for name in found.packages if "nvidia" in name}


def test_a_file_that_somebody_changed_is_put_back_and_nothing_else_is_done(
    machine: Machine,
) -> None:
    machine.on(f"echo 'Pin: none' >>{PREFERENCES}; apt-mark unhold nvidia-smi >/dev/null")
    assert machine.settle() == [f"place {PREFERENCES}", "hold nvidia-smi"]


def test_a_reboot_that_the_stack_does_not_allow_stops_before_it_with_the_reason(
    machine: Machine,
) -> None:
    machine.fresh()
    before = boot_id(machine.box)
    with pytest.raises(PlanError) as stopped:
        machine.settle(machine.wanted(reboot="never"))
    assert str(stopped.value) == (
        "gpu: expected to reboot (nouveau is loaded), freehold:driver.reboot is never\n"
        "Hint: reboot it yourself, then `pulumi up`; or set freehold:driver.reboot to a window"
    )
    assert boot_id(machine.box) == before
    now = machine.on("date +%H")
    closed = f"{(int(now) + 2) % 24:02}:00-{(int(now) + 3) % 24:02}:00"
    with pytest.raises(PlanError, match=f"reboot is {closed}, and it is {now}:.. there"):
        machine.settle(machine.wanted(reboot=closed))
    opened = f"{now}:00-{(int(now) + 2) % 24:02}:00"
    assert machine.settle(machine.wanted(reboot=opened))[0].startswith("drain, stop and reboot")
    assert machine.on(SMI) == NEW


def test_without_nouveau_the_module_is_loaded_and_nothing_is_rebooted(machine: Machine) -> None:
    machine.fresh(has_nouveau=False)
    before = boot_id(machine.box)
    done = machine.settle(machine.wanted(reboot="never", cuda="13.0"))
    assert "load the modules nvidia and nvidia-uvm" in done
    assert boot_id(machine.box) == before
    assert machine.on("dpkg-query -W -f '${db:Status-Abbrev}' cuda-cudart-13-0") == "ii"
    assert machine.plan(machine.wanted(reboot="never", cuda="13.0")) == []


def test_ubuntus_names_change_with_590_and_back(machine: Machine) -> None:
    machine.fresh(distribution="ubuntu2404", nvswitches=4)
    for branch, version in ((580, NEW), (590, NEXT), (580, NEW)):
        driver = machine.wanted(branch)
        machine.settle(driver)
        assert machine.on(SMI) == machine.on(VERSIONS) == version
        assert machine.on("systemctl is-active nvidia-fabricmanager nvidia-persistenced") == (
            "active\nactive"
        )
        assert machine.plan(driver) == []


def test_where_there_are_nvswitches_the_newest_driver_with_its_fabric_manager_is_taken(
    machine: Machine,
) -> None:
    machine.fresh(nvswitches=4)
    machine.settle()
    assert machine.on(SMI) == machine.on(VERSIONS) == OLD
    assert machine.on("systemctl is-active nvidia-fabricmanager") == "active"
    assert machine.plan() == []


def test_a_working_driver_of_the_branch_that_others_installed_is_left_as_it_is(
    machine: Machine,
) -> None:
    machine.fresh(has_nouveau=False)
    by_hand = (
        "echo 'deb [trusted=yes] file:/srv/debian12 ./' >/etc/apt/sources.list.d/own.list; "
        "apt-get -q update; "
        f"apt-get -q -y install linux-headers-{KERNEL} nvidia-kernel-open-dkms={NEW}-1 "
        f"nvidia-driver-cuda={NEW}-1 libnvidia-ml1={NEW}-1 nvidia-smi={NEW}-1; modprobe nvidia"
    )
    machine.on(f"PATH=/usr/local/sbin:/usr/sbin:$PATH; {by_hand}")
    assert machine.plan() == []
    assert machine.settle() == []
    assert machine.on(f"ls {KEYRING} /var/lib/freehold 2>/dev/null || true") == ""
