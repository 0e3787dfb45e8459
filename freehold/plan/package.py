"""A package of the distribution that is wanted on a box."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.facts.fact import Fact
from freehold.facts.package import ABSENT, PackageFacts, package_fact
from freehold.plan.item import PlanError
from freehold.plan.steps import InstallPackage, Plan, PruneFolders, RemovePackage, RemoveUnit


@dataclass(frozen=True)
class Package:
    """In whichever version the box's own sources have it; one that is there is kept as it is.

    `units_off` are units of the package that shall neither run nor start at boot, where it is
    Freehold that brought it: Debian starts what it installs. The owner's own stay as they are.
    """

    name: str
    units_off: tuple[str, ...] = ()
    follows_others = False

    @property
    def label(self) -> str:
        """See Item.label."""
        return f"package {self.name}"

    def fact(self) -> Fact[PackageFacts]:
        """See Item.fact."""
        return package_fact(self.name, self.units_off)

    def plan(self, place: str, found: PackageFacts) -> Plan:
        """See Item.plan. Raises PlanError where apt would refuse or is not there."""
        if not found.has_dpkg:
            raise PlanError.of(
                place,
                f"{self.label}: expected Debian's dpkg and apt, found none",
                "Freehold installs packages on Debian and Ubuntu alone",
            )
        if found.is_installed:
            return tuple(map(RemoveUnit, found.units_on)) if found.is_ours else ()
        if found.is_held:
            raise PlanError.of(
                place,
                f"{self.label}: expected it to be installed, found it held and {found.status}",
                f"apt-mark unhold {self.name}",
            )
        return (InstallPackage(self.name),)

    def removal(self, found: PackageFacts) -> Plan:
        """See Item.removal. What was there before Freehold stays."""
        if not found.is_ours:
            return ()
        return (RemovePackage(self.name), PruneFolders())


def state_of(found: PackageFacts) -> str:
    """In a few words, for a preview: "installed" where nothing is to do."""
    if found.is_installed and found.is_ours and found.units_on:
        return f"installed, and {', '.join(found.units_on)} is on"
    return "absent" if found.status == ABSENT else found.status
