"""The files that a driver needs around it: apt's source and pins, modules, the daemon's drop-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from freehold.catalog.nvidia import DRIVER_PACKAGES
from freehold.render.driver_paths import (
    KEYRING,
    MODPROBE,
    MODULES_LOAD,
    PERSISTENCED,
    PREFERENCES,
    SOURCE,
    UPGRADES,
)
from freehold.render.service import NoContext
from freehold.render.templates import render

OTHERS = ("Debian", "Ubuntu", "LP-PPA-graphics-drivers")
"""The Origin of each source that has driver packages of the same names."""


@dataclass(frozen=True)
class SourceContext:
    """What the apt source's template may use."""

    url: str
    keyring: str


@dataclass(frozen=True)
class PreferencesContext:
    """What the template of the pins may use."""

    branch: int
    packages: str
    others: tuple[str, ...]


@dataclass(frozen=True)
class UpgradesContext:
    """What the template of the blacklist may use."""

    patterns: tuple[str, ...]


@dataclass(frozen=True)
class PersistencedContext:
    """What the daemon's drop-in may use."""

    user: str | None


def driver_files(branch: int, url: str) -> Mapping[str, str]:
    """By path, what is placed before the driver is installed."""
    # unattended-upgrades takes regular expressions of Python, anchored at their begin alone.
    patterns = tuple(p[:-1] if p.endswith("*") else f"{p}$" for p in DRIVER_PACKAGES)
    contexts: dict[str, SourceContext | PreferencesContext | UpgradesContext | NoContext] = {
        SOURCE: SourceContext(url.rstrip("/"), KEYRING),
        PREFERENCES: PreferencesContext(branch, " ".join(DRIVER_PACKAGES), OTHERS),
        UPGRADES: UpgradesContext(patterns),
        MODPROBE: NoContext(),
        MODULES_LOAD: NoContext(),
    }
    return {path: render(path, context) for path, context in contexts.items()}


def persistenced_drop_in(user: str | None) -> Mapping[str, str]:
    """By path, what is placed once the daemon is there; `user` is the one that its package made."""
    return {PERSISTENCED: render(PERSISTENCED, PersistencedContext(user))}
