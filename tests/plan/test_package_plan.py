"""A package's plan as a table: what dpkg says against what is wanted."""

from __future__ import annotations

import pytest

from freehold.facts.package import PackageFacts
from freehold.plan.item import PlanError
from freehold.plan.package import Package, state_of
from freehold.plan.steps import InstallPackage, Plan, PruneFolders, RemovePackage, RemoveUnit
from tests.plan.wanted import but

HAPROXY = Package("haproxy", ("haproxy.service",))
OURS = PackageFacts("installed", "2.6.12", is_held=False, is_ours=True, units_on=())
THEIRS = but(OURS, is_ours=False)
ABSENT = PackageFacts("not-installed", None, is_held=False, is_ours=False, units_on=())
IS_ON = ("haproxy.service",)

STEPS: dict[str, tuple[PackageFacts, Plan]] = {
    "ours": (OURS, ()),
    "absent": (ABSENT, (InstallPackage("haproxy"),)),
    "removed, its configuration left": (
        but(ABSENT, status="config-files", version="2.6.12"),
        (InstallPackage("haproxy"),),
    ),
    "an install that was killed": (
        but(OURS, status="half-configured"),
        (InstallPackage("haproxy"),),
    ),
    "ours, and Debian started it": (but(OURS, units_on=IS_ON), (RemoveUnit("haproxy.service"),)),
    "the owner's, which runs": (but(THEIRS, units_on=IS_ON), ()),
    "the owner's, held": (but(THEIRS, is_held=True), ()),
}


@pytest.mark.parametrize("case", STEPS)
def test_the_steps_are_exactly_those_that_lack(case: str) -> None:
    found, steps = STEPS[case]
    assert HAPROXY.plan("node-1", found) == steps


def test_what_the_owner_installed_is_not_removed() -> None:
    assert HAPROXY.removal(THEIRS) == ()
    assert HAPROXY.removal(OURS) == (RemovePackage("haproxy"), PruneFolders())


REFUSALS = {
    "held": (
        but(ABSENT, status="config-files", is_held=True),
        "node-1: package haproxy: expected it to be installed, found it held and config-files\n"
        "Hint: apt-mark unhold haproxy",
    ),
    "no dpkg": (
        but(ABSENT, has_dpkg=False),
        "node-1: package haproxy: expected Debian's dpkg and apt, found none\n"
        "Hint: Freehold installs packages on Debian and Ubuntu alone",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_apt_would_refuse_is_refused_before_it_is_asked(case: str) -> None:
    found, words = REFUSALS[case]
    with pytest.raises(PlanError) as caught:
        HAPROXY.plan("node-1", found)
    assert str(caught.value) == words


def test_its_state_says_what_an_up_would_mend() -> None:
    assert state_of(OURS) == state_of(but(THEIRS, units_on=IS_ON)) == "installed"
    assert state_of(but(OURS, units_on=IS_ON)) == "installed, and haproxy.service is on"
    assert state_of(but(OURS, status="half-configured")) == "half-configured"
    assert state_of(ABSENT) == "absent"
