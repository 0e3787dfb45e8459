"""The steps that a plan is made of; `apply` alone knows how each is carried out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from freehold.plan.driver_steps import DriverStep, describe_driver
from freehold.weights.manifest import Manifest


@dataclass(frozen=True)
class PlaceFile:
    """Write a file atomically. What was there before Freehold is kept, for RestoreFile."""

    path: str
    content: bytes = field(repr=False)
    mode: str
    is_secret: bool = False
    group: str = "root"


@dataclass(frozen=True)
class RestoreFile:
    """Put back what was at the path before Freehold: an earlier file, or nothing."""

    path: str


@dataclass(frozen=True)
class SyncFileSet:
    """Bring the missing files of a set, and prove each by its hash before it has its name."""

    manifest: Manifest
    missing: tuple[str, ...]


@dataclass(frozen=True)
class RemoveFileSet:
    """Remove a set and what an interrupted sync left of it."""

    manifest: Manifest


@dataclass(frozen=True)
class WipeFileSet:
    """Remove a set of weights as its medium allows, with a record; `how` is the spec's `wipe`."""

    manifest: Manifest
    how: str


@dataclass(frozen=True)
class WipeSets:
    """The same of all weights on a box, or of those called `name`, whatever their content."""

    how: str
    name: str = ""


@dataclass(frozen=True)
class ReloadUnits:
    """Have systemd read its unit files again."""


@dataclass(frozen=True)
class EnableUnit:
    """Have the unit started at boot."""

    unit: str


@dataclass(frozen=True)
class StartUnit:
    """Start a unit that does not run; `why` is for the person who reads the plan."""

    unit: str
    why: str


@dataclass(frozen=True)
class RestartUnit:
    """Restart a unit whose process is older than what it should run with."""

    unit: str
    why: str


@dataclass(frozen=True)
class ReloadUnit:
    """Have a unit that runs take up what its files say now, without an end."""

    unit: str
    why: str


@dataclass(frozen=True)
class StopUnit:
    """Stop a unit; it stays enabled."""

    unit: str


@dataclass(frozen=True)
class RemoveUnit:
    """Stop a unit and keep it from starting at boot."""

    unit: str


@dataclass(frozen=True)
class InstallPackage:
    """Install a package of the distribution, and write down that it was Freehold who did."""

    name: str


@dataclass(frozen=True)
class RemovePackage:
    """Purge a package that Freehold installed, and what came with it that nothing else needs."""

    name: str


@dataclass(frozen=True)
class Untune:
    """Put back what the machine's tuning changed, by the warden at `program`, if that is there."""

    program: str


@dataclass(frozen=True)
class LeaveBox:
    """Remove what Freehold placed but weights, also what no state knows of; restore what it
    replaced."""


@dataclass(frozen=True)
class PruneFolders:
    """Remove Freehold's own folders where they are empty."""


Step: TypeAlias = (
    PlaceFile
    | RestoreFile
    | SyncFileSet
    | RemoveFileSet
    | WipeFileSet
    | WipeSets
    | ReloadUnits
    | EnableUnit
    | StartUnit
    | RestartUnit
    | ReloadUnit
    | StopUnit
    | RemoveUnit
    | InstallPackage
    | RemovePackage
    | Untune
    | LeaveBox
    | PruneFolders
    | DriverStep
)
Plan: TypeAlias = tuple[Step, ...]


def describe(step: Step) -> str:
    """One line for a person: `place /etc/...`, `restart llama-server.service (why)`."""
    match step:
        case PlaceFile(path=path):
            return f"place {path}"
        case RestoreFile(path=path):
            return f"restore {path}"
        case SyncFileSet(manifest=manifest, missing=missing):
            size = sum(f.size_bytes for f in manifest.files if f.path in missing)
            return (
                f"sync {manifest.name}: {len(missing)} of {len(manifest.files)} files, "
                f"{size / 1e6:,.0f} MB"
            )
        case RemoveFileSet(manifest=manifest):
            return f"remove {manifest.node_folder}"
        case WipeFileSet(manifest=manifest, how=how):
            return f"wipe {manifest.node_folder} ({how})"
        case WipeSets(how=how, name=name):
            return f"wipe all weights{f' called {name}' if name else ''} ({how})"
        case ReloadUnits():
            return "reload systemd's units"
        case EnableUnit(unit=unit):
            return f"enable {unit}"
        case StartUnit(unit=unit, why=why):
            return f"start {unit} ({why})"
        case RestartUnit(unit=unit, why=why):
            return f"restart {unit} ({why})"
        case ReloadUnit(unit=unit, why=why):
            return f"reload {unit} ({why})"
        case StopUnit(unit=unit):
            return f"stop {unit}"
        case RemoveUnit(unit=unit):
            return f"stop and disable {unit}"
        case InstallPackage(name=name):
            return f"install package {name}"
        case RemovePackage(name=name):
            return f"purge package {name}"
        case Untune():
            return "put back what was tuned"
        case LeaveBox():
            return "leave nothing of Freehold behind"
        case PruneFolders():
            return "remove empty folders"
        case _:
            return describe_driver(step)
