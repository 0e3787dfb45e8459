"""What Freehold installed of a driver can be taken off, and nothing else goes with it."""

from __future__ import annotations

import pytest

from freehold.apply.script import run_steps
from freehold.hosts.host import HostError
from freehold.plan.driver_removal import driver_removal
from freehold.plan.steps import Plan
from freehold.render.driver_paths import MODPROBE
from tests.driver.machine import Machine

LISTING = (
    "cd /; find etc/apt etc/modprobe.d etc/modules-load.d etc/systemd/system -printf '%M %p\\n' | "
    "sort; cat /etc/modprobe.d/* 2>/dev/null; "
    "dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n' | grep nvidia || true"
)


def removal(machine: Machine) -> Plan:
    return driver_removal(machine.facts())


def test_the_box_is_then_as_it_was_but_for_what_autoremove_takes(machine: Machine) -> None:
    machine.fresh(has_nouveau=False)
    machine.on(f"mkdir -p /etc/modprobe.d; echo '# the owner of the box' >{MODPROBE}")
    before = machine.on(LISTING)
    machine.settle()
    run_steps(machine.host, removal(machine))
    assert machine.on(LISTING) == before
    assert machine.on("ls -A /var/lib/freehold 2>/dev/null || true") == ""
    assert "dkms" in machine.on("apt-get -s autoremove | grep ^Remv")
    assert removal(machine) == ()


def test_a_package_that_came_to_need_it_stops_the_removal(machine: Machine) -> None:
    machine.fresh(has_nouveau=False)
    machine.settle()
    machine.on(
        "mkdir -p /tmp/own/DEBIAN; printf 'Package: own-tool\\nVersion: 1\\nArchitecture: all\\n"
        "Maintainer: own\\nDescription: own\\nDepends: nvidia-smi\\n' >/tmp/own/DEBIAN/control; "
        "dpkg-deb --build /tmp/own /tmp/own.deb; PATH=/usr/sbin:/sbin:$PATH dpkg -i /tmp/own.deb"
    )
    with pytest.raises(HostError, match="other packages need it, and would go with it: own-tool"):
        run_steps(machine.host, removal(machine))
    assert machine.plan() == []
