"""Which versions of a driver's packages are to be installed: all of one version, of one source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from freehold.facts.driver import DriverFacts, Offered
from freehold.plan.driver_wanted import (
    DriverWanted,
    PackageNames,
    branch_of,
    driver_packages,
    package_names,
    upstream,
)


@dataclass(frozen=True)
class Installed:
    """The driver's packages as they are: `version` is theirs where each is there, whole, of the
    branch and of one version; else None."""

    version: str | None


@dataclass(frozen=True)
class Choice:
    """What apt is asked for: `packages` as name=version, `removed` those of another branch that the
    new one has no package for. `lacking` are the names that no source offers."""

    packages: tuple[str, ...]
    removed: tuple[str, ...]
    lacking: tuple[str, ...]


def installed(wanted: DriverWanted, found: DriverFacts) -> Installed:
    """Whether the driver's packages are there."""
    names = package_names(wanted, found)
    there = [_present(group, found) for group in names.tied]
    versions = set(driver_packages(found).values())
    is_whole = all(there) and len(versions) == 1
    version = versions.pop() if is_whole else None
    return Installed(version if branch_of(version) == wanted.branch else None)


def choose(wanted: DriverWanted, found: DriverFacts, names: PackageNames, url: str) -> Choice:
    """The newest version of the branch that every package is offered in, at that URL."""
    offers = _offers(found, url)
    of_branch = {
        name: {v: full for v, full in versions.items() if branch_of(v) == wanted.branch}
        for name, versions in offers.items()
    }
    groups = [[name for name in group if of_branch.get(name)] for group in names.tied]
    lacking = [" or ".join(g) for g, ok in zip(names.tied, groups, strict=True) if not ok]
    lacking += [name for name in names.others if name not in offers]
    common = [{v for name in group for v in of_branch[name]} for group in groups]
    shared = set.intersection(*common) if common and all(common) else set()
    if lacking or not shared:
        together = " and ".join(" or ".join(group) for group in names.tied)
        return Choice((), (), tuple(lacking) or (f"one version of {together}",))
    version = max(shared, key=_ordered)
    taken = [next(n for n in group if version in of_branch[n]) for group in groups]
    taken += [name for name in names.optional if version in of_branch.get(name, {})]
    present = driver_packages(found)
    taken += [name for name in present if version in of_branch.get(name, {})]
    exact = tuple(f"{name}={of_branch[name][version]}" for name in dict.fromkeys(taken))
    removed = tuple(name for name, had in present.items() if name not in taken and had != version)
    return Choice((*exact, *names.others), removed, ())


def _present(group: tuple[str, ...], found: DriverFacts) -> bool:
    return any(name in found.packages and found.packages[name].is_whole for name in group)


def _offers(found: DriverFacts, url: str) -> Mapping[str, Mapping[str, str]]:
    """By name and the driver's version, the package's full version."""
    offers: dict[str, dict[str, str]] = {}
    for each in found.offered:
        if is_at(each, url):
            offers.setdefault(each.name, {}).setdefault(upstream(each.version), each.version)
    return offers


def is_at(offered: Offered, url: str) -> bool:
    """Whether it comes from the repository at `url`."""
    return offered.url.rstrip("/") == url.rstrip("/")


def _ordered(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
