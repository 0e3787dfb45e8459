"""Killed or cut from its power in the middle of each step, the next run converges."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from freehold.errors import FreeholdError
from freehold.hosts.host import HostError
from freehold.lab.root import run_as_root
from tests.deadline import in_time
from tests.driver.machine import Machine
from tests.driver.parts import NEW
from tests.driver.test_machine import SMI

ROOT = Path(__file__).parents[2]
MOMENTS = (
    "postinst headers",
    "postinst module",
    "dkms",
    "postinst library",
    "postinst daemon",
    "update-initramfs",
    "modprobe nvidia",
)
SETTLE = """
import sys
from tests.driver.machine import settle_from_outside
settle_from_outside(*sys.argv[1:])
"""


def hardware(machine: Machine, name: str) -> Path:
    """A file of the stand-in's, on the box's disk, seen from here."""
    return machine.box.folder / "upper/var/lib/hw" / name


def prepare(machine: Machine, moment: str) -> None:
    # With nouveau the module comes with the reboot, and nobody calls modprobe.
    machine.fresh(has_nouveau=moment != "modprobe nvidia")
    machine.on(f"echo '{moment}' >/var/lib/hw/trip")


def assert_converges(machine: Machine) -> None:
    machine.settle()
    assert machine.on(SMI) == NEW
    assert machine.on("dpkg --audit") == ""
    assert machine.plan() == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_power_cut_in_the_middle_of(moment: str, machine: Machine) -> None:
    prepare(machine, moment)
    errors: list[FreeholdError] = []

    def settle() -> None:
        try:
            machine.settle()
        except FreeholdError as error:
            errors.append(error)

    thread = threading.Thread(target=settle)
    thread.start()
    assert in_time(lambda: hardware(machine, "at").exists() or errors, 60)
    machine.box.cut_power()
    thread.join()
    assert errors
    run_as_root(machine.box.name, "rm", hardware(machine, "at"), hardware(machine, "trip"))
    machine.box.start()
    assert_converges(machine)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_controller_that_is_killed_in_the_middle_of(moment: str, machine: Machine) -> None:
    prepare(machine, moment)
    arguments = [machine.box.name, str(machine.box.ssh_config), machine.key.fingerprint]
    controller = subprocess.Popen([sys.executable, "-c", SETTLE, *arguments], cwd=ROOT)
    assert in_time(lambda: hardware(machine, "at").exists() or controller.poll() is not None, 60)
    assert controller.poll() is None
    controller.kill()
    controller.wait()
    machine.on("rm /var/lib/hw/trip")  # what it began goes on alone
    assert_converges(machine)


def test_a_power_cut_after_every_stage(machine: Machine) -> None:
    machine.fresh()
    for _stage in range(12):
        try:
            machine.settle(stages_max=1)
        except HostError as error:
            assert "still to do" in str(error)  # noqa: PT017 - one of many stages
            machine.box.cut_power()
            machine.box.start()
        else:
            break
    assert_converges(machine)


def test_two_at_once_change_the_box_in_turns(machine: Machine) -> None:
    machine.fresh(has_nouveau=False)
    arguments = [machine.box.name, str(machine.box.ssh_config), machine.key.fingerprint]
    controllers = [
        subprocess.Popen([sys.executable, "-c", SETTLE, *arguments], cwd=ROOT) for _ in range(2)
    ]
    assert [each.wait(120) for each in controllers] == [0, 0]
    assert_converges(machine)


def test_a_box_that_does_not_come_back_is_an_error_and_the_next_run_goes_on(
    machine: Machine,
) -> None:
    machine.fresh()
    # It goes down, and nobody presses its button.
    machine.on(
        "printf '#!/bin/sh\\n"
        "case $* in *reboot*) exec /usr/bin/systemctl --no-block poweroff;; esac\\n"
        'exec /usr/bin/systemctl "$@"\\n\' >/usr/local/sbin/systemctl; '
        "chmod +x /usr/local/sbin/systemctl"
    )
    with pytest.raises(HostError, match="expected it back 3 s after its reboot") as caught:
        machine.settle(back_s=3)
    assert "`pulumi up` goes on" in str(caught.value)
    assert in_time(lambda: not machine.box.is_running(), 30)
    machine.box.start()
    assert_converges(machine)
