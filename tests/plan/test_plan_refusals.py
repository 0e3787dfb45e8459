"""What cannot be had on a box as it is, in exactly these words."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.apply.converge import plan
from freehold.errors import FreeholdError
from freehold.plan.box import Box
from freehold.plan.fileset import FileSet
from freehold.plan.item import Item, PlanError
from tests.hosts.fake import FakeHost
from tests.plan.wanted import (
    BOX,
    SET,
    STOPPED,
    UNIT,
    WEIGHTS,
    but,
)

REFUSALS: dict[str, tuple[Item, Any, str]] = {
    "disk": (
        FileSet(WEIGHTS),
        but(SET, proven=frozenset(), disk_available_bytes=0),
        "node-1: /var/lib/freehold/weights/m-f4f70eb95cce: expected 5,637 MB free for m, "
        "found 0 MB\n"
        "Hint: free some space, or mount a larger disk at /var/lib/freehold",
    ),
    "libraries": (
        FileSet(WEIGHTS),
        but(SET, missing_libraries=("libgomp.so.1", "libvulkan.so.1")),
        "node-1: m needs libraries that are not on this box: libgomp.so.1, libvulkan.so.1\n"
        "Hint: on Debian and Ubuntu: apt-get install libgomp1 libstdc++6",
    ),
    "port": (
        UNIT,
        but(STOPPED, port_holder="nginx (pid 812)"),
        "node-1: port 8080: expected it to be free for u.service, found nginx (pid 812) listening\n"
        "Hint: stop that program, or set freehold:server.port to another port",
    ),
    "arch": (
        Box("aarch64"),
        BOX,
        "node-1: expected aarch64, as the engine is built for, found x86_64\n"
        "Hint: set freehold:engine to a build for it",
    ),
    "another init": (
        Box("x86_64"),
        but(BOX, systemd_version=None),
        "node-1: expected systemd as the running init, found another\n"
        "Hint: a container without an init cannot be a node: use the box that runs it",
    ),
    "old systemd": (
        Box("x86_64"),
        but(BOX, systemd_version=247),
        "node-1: expected systemd 248 or newer, found 247\n"
        "Hint: Debian 12, Ubuntu 22.04 and later have it",
    ),
    "tools": (
        Box("x86_64"),
        but(BOX, missing_tools=("flock", "python3")),
        "node-1: expected these tools, which are missing: flock, python3\n"
        "Hint: on Debian and Ubuntu: apt-get install coreutils util-linux findutils python3",
    ),
    "clock behind": (
        Box("x86_64"),
        but(BOX, clock_s=BOX.clock_s - 301),
        "node-1: expected a clock within 300 s of this machine's, found it -301 s off\n"
        "Hint: systemctl enable --now systemd-timesyncd",
    ),
    "clock ahead": (
        Box("x86_64"),
        but(BOX, clock_s=BOX.clock_s + 301),
        "node-1: expected a clock within 300 s of this machine's, found it +301 s off\n"
        "Hint: systemctl enable --now systemd-timesyncd",
    ),
}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's clock and the box's agree, unless a case says otherwise."""
    monkeypatch.setattr("freehold.plan.box.time.time", lambda: float(BOX.clock_s))


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_had_is_refused_in_these_words(case: str) -> None:
    item, found, words = REFUSALS[case]
    with pytest.raises(PlanError) as caught:
        item.plan("node-1", found)
    assert str(caught.value) == words


def test_a_box_that_fits_asks_for_nothing_up_to_the_clocks_limit() -> None:
    assert Box("x86_64").plan("node-1", BOX) == ()
    assert Box("x86_64").plan("node-1", but(BOX, clock_s=BOX.clock_s - 300)) == ()


def test_all_that_is_wrong_with_all_items_is_said_at_once() -> None:
    found = [
        but(BOX, systemd_version=None, arch="riscv64", missing_tools=("python3",)),
        but(SET, proven=frozenset(), disk_available_bytes=0),
    ]
    with pytest.raises(FreeholdError) as caught:
        plan(FakeHost("node-1"), [Box("x86_64"), FileSet(WEIGHTS)], found)
    assert len(caught.value.problems) == 4
    assert {problem.place for problem in caught.value.problems} == {"node-1"}
