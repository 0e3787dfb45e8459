"""The box itself: what it must be before anything is placed on it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from freehold.errors import Problem
from freehold.facts.box import BOX, BoxFacts
from freehold.facts.fact import Fact
from freehold.plan.item import PlanError
from freehold.plan.steps import LeaveBox, Plan, PruneFolders, WipeSets

SYSTEMD_MIN = 248  # LoadCredential= came with 247, `systemctl --timestamp=us+utc` with 248
CLOCK_SKEW_MAX_S = 300


@dataclass(frozen=True)
class Box:
    """A box that can carry a node; `arch` is what the engine was built for, as `uname -m` says.

    `wipe` is how weights go that no other item knows of.
    """

    arch: str
    wipe: str = "auto"
    follows_others = False

    @property
    def label(self) -> str:
        """See Item.label."""
        return "box"

    def fact(self) -> Fact[BoxFacts]:
        """See Item.fact."""
        return BOX

    def plan(self, place: str, found: BoxFacts) -> Plan:
        """See Item.plan. Nothing is ever done to the box as such: it fits, or PlanError."""
        problems = self.problems(place, found, time.time())
        if problems:
            raise PlanError(problems)
        return ()

    def removal(self, found: BoxFacts) -> Plan:  # noqa: ARG002 - as Item
        """See Item.removal."""
        return (LeaveBox(), WipeSets(self.wipe), PruneFolders())

    def problems(self, place: str, found: BoxFacts, now_s: float) -> list[Problem]:
        """All that would stop an `up`; `now_s` is the controller's clock."""
        problems = []
        if found.systemd_version is None:
            problems.append(
                Problem(
                    place,
                    "expected systemd as the running init, found another",
                    "a container without an init cannot be a node: use the box that runs it",
                )
            )
        elif found.systemd_version < SYSTEMD_MIN:
            problems.append(
                Problem(
                    place,
                    f"expected systemd {SYSTEMD_MIN} or newer, found {found.systemd_version}",
                    "Debian 12, Ubuntu 22.04 and later have it",
                )
            )
        if found.missing_tools:
            problems.append(
                Problem(
                    place,
                    f"expected these tools, which are missing: {', '.join(found.missing_tools)}",
                    "on Debian and Ubuntu: apt-get install coreutils util-linux findutils python3",
                )
            )
        if found.arch != self.arch:
            problems.append(
                Problem(
                    place,
                    f"expected {self.arch}, as the engine is built for, found {found.arch}",
                    "set freehold:engine to a build for it",
                )
            )
        if abs(found.clock_s - now_s) > CLOCK_SKEW_MAX_S:
            problems.append(
                Problem(
                    place,
                    f"expected a clock within {CLOCK_SKEW_MAX_S} s of this machine's, "
                    f"found it {found.clock_s - now_s:+.0f} s off",
                    "systemctl enable --now systemd-timesyncd",
                )
            )
        return problems
