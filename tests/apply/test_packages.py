"""Packages on a real box, whose apt has a repository of the lab's: installed, kept, purged."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from freehold import lab
from freehold.apply.converge import converge, remove
from freehold.hosts.command import Command
from freehold.hosts.host import HostError, run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.plan.box import Box
from freehold.plan.package import Package
from freehold.plan.steps import InstallPackage, RemoveUnit
from freehold.weights.store import Store

HAPROXY = Package("haproxy", ("haproxy.service",))
INSTALLED = "dpkg-query -W -f='${Package} ${db:Status-Status}\\n' | sort"
PURGE = """
DEBIAN_FRONTEND=noninteractive apt-get -y -qq purge haproxy lua5.4 >/dev/null 2>&1
DEBIAN_FRONTEND=noninteractive apt-get -y -qq autoremove --purge >/dev/null 2>&1
apt-mark unhold haproxy >/dev/null; rm -rf /var/lib/freehold /var/lib/apt/lists/*; true"""


@pytest.fixture(scope="module")
def connection() -> Iterator[SshHost]:
    if reason := lab.unsupported():
        pytest.skip(reason)
    folder = lab.default_state_dir().with_name("lab-tests")
    with lab.temporary(1, folder, offers=("haproxy", "lua5.4")) as one:
        settings = SshSettings(one.ssh_config)
        with closing(SshHost("node-1", one.boxes[0].name, settings)) as host:
            yield host


@pytest.fixture
def box(connection: SshHost) -> Iterator[SshHost]:
    yield connection
    out(connection, PURGE)


def out(box: SshHost, script: str) -> str:
    return run_or_raise(box, Command(script, "a test")).strip()


def test_a_package_is_installed_and_its_service_is_not_left_running(
    box: SshHost, empty_store: Store
) -> None:
    steps = converge(box, [HAPROXY], empty_store)
    assert steps == (InstallPackage("haproxy"), RemoveUnit("haproxy.service"))
    assert "2." in out(box, "haproxy -v") or "3." in out(box, "haproxy -v")
    assert out(box, "systemctl is-active haproxy; systemctl is-enabled haproxy; true").split() == [
        "inactive",
        "disabled",
    ]
    assert converge(box, [HAPROXY], empty_store) == ()


def test_what_came_with_it_goes_with_it(box: SshHost, empty_store: Store) -> None:
    before = out(box, INSTALLED)
    converge(box, [HAPROXY], empty_store)
    assert "liblua" in out(box, INSTALLED)
    remove(box, [HAPROXY])
    assert out(box, INSTALLED) == before
    assert out(box, "ls /var/lib/freehold 2>&1; true").endswith("No such file or directory")
    remove(box, [HAPROXY])


def test_leaving_a_box_purges_what_no_state_knows_of(box: SshHost, empty_store: Store) -> None:
    before = out(box, INSTALLED)
    converge(box, [HAPROXY], empty_store)
    remove(box, [Box(out(box, "uname -m"))])
    assert out(box, INSTALLED) == before


def test_the_owners_package_runs_on_and_stays(box: SshHost, empty_store: Store) -> None:
    out(box, "apt-get -qq update; apt-get -y -qq install haproxy >/dev/null 2>&1")
    assert converge(box, [HAPROXY], empty_store) == ()
    remove(box, [HAPROXY, Box(out(box, "uname -m"))])
    assert out(box, "systemctl is-active haproxy") == "active"


def test_what_the_owner_has_come_to_need_since_stays(box: SshHost, empty_store: Store) -> None:
    converge(box, [HAPROXY], empty_store)
    library = out(box, "cat /var/lib/freehold/packages/haproxy | grep liblua")
    # The library that came along is now the owner's choice too.
    out(box, f"apt-mark manual {library}")
    remove(box, [HAPROXY])
    left = out(box, INSTALLED)
    assert f"{library} installed" in left
    assert "haproxy installed" not in left
    out(box, f"apt-mark auto {library}")


def test_an_install_that_was_killed_is_finished_and_is_ours(
    box: SshHost, empty_store: Store
) -> None:
    before = out(box, INSTALLED)
    # As a power cut leaves it: written down as ours, unpacked, and without what it depends on.
    out(
        box,
        "apt-get -qq update; mkdir -p /var/lib/freehold/packages && apt-get -s install haproxy | "
        "sed -n 's/^Inst \\([^ ]*\\).*/\\1/p' | sort >/var/lib/freehold/packages/haproxy; "
        "dpkg --unpack /var/lib/lab-packages/haproxy_*.deb >/dev/null 2>&1; true",
    )
    assert "haproxy unpacked" in out(box, INSTALLED)
    assert "liblua" not in out(box, INSTALLED)
    assert converge(box, [HAPROXY], empty_store)[0] == InstallPackage("haproxy")
    assert "haproxy installed" in out(box, INSTALLED)
    remove(box, [HAPROXY])
    assert out(box, INSTALLED) == before


HOLD_THE_LOCK = """
import fcntl, os, time
lock = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
open("/run/holds", "w").close()
while os.path.exists("/run/holds"):
    time.sleep(0.05)
"""


def test_another_run_of_apt_is_waited_for(box: SshHost, empty_store: Store) -> None:
    out(
        box,
        f"apt-get -qq update; setsid python3 -c '{HOLD_THE_LOCK}' >/dev/null 2>&1 & "
        "until [ -e /run/holds ]; do :; done",
    )
    with ThreadPoolExecutor() as pool:
        installing = pool.submit(converge, box, [HAPROXY], empty_store)
        out(box, "until grep -qsx apt-get /proc/[0-9]*/comm; do :; done")
        assert not installing.done()
        out(box, "rm /run/holds")
        assert InstallPackage("haproxy") in installing.result()


def test_a_package_that_no_source_has_is_named_with_apts_words(
    box: SshHost, empty_store: Store
) -> None:
    with pytest.raises(HostError) as caught:
        converge(box, [Package("no-such-package")], empty_store)
    said = str(caught.value)
    assert said.startswith("node-1: install package no-such-package: exit 100\n")
    assert "Unable to locate package no-such-package" in said
    assert "Hint: `apt-get install no-such-package` on the box says the same" in said
