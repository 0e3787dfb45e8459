"""The goldens of a driver: its files on each distribution, its packages on each machine;
`python -m tests.driver.cases` writes them anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from freehold.catalog.nvidia import distributions, repository
from freehold.facts.driver import DriverFacts, UnitState
from freehold.plan.driver_wanted import DriverWanted, package_names
from freehold.render.driver import driver_files, persistenced_drop_in
from freehold.render.driver_paths import SOURCE

GOLDENS = Path(__file__).with_name("goldens")
MACHINES = {
    "8x A100": (["0x20b2"] * 8, 6),
    "8x H100": (["0x2330"] * 8, 4),
    "8x B200": (["0x2901"] * 8, 0),
    "1x B200": (["0x2901"], 0),
    "2x RTX PRO 6000": (["0x2bb1"] * 2, 0),
    "4x RTX 3090": (["0x2204"] * 4, 0),
    "1x P40": (["0x1b38"], 0),
}
"""PCI device ids, and how many NVSwitches the bus shows."""


def facts(distribution: str, gpus: Sequence[str] = (), nvswitches: int = 0) -> DriverFacts:
    """A box that a vendor delivers with that in it."""
    absent = UnitState("not-found", "inactive", "", False, None)
    return DriverFacts(
        distribution=distribution, arch="amd64", kernel="6.8.0-45-generic", boot_id="b",
        machine_id="m", minute=0, has_headers=False, gpus=tuple(gpus), nvswitches=nvswitches,
        is_secure_boot=False, signing_key=None, is_key_enrolled=False, is_nouveau_loaded=False,
        is_nouveau_blacklisted=False, is_initramfs_stale=False, loaded_version=None,
        on_disk_version=None, library_version=None, smi_version=None, smi_said=(), listed=(),
        runfile=None, packages={}, offered=(), held=frozenset(), is_dpkg_interrupted=False,
        lists_age_s=None, key_fingerprint=None, kept={}, persistenced=absent, fabric=absent,
        daemon_user=None, installed_by_us=(),
    )  # fmt: skip


def packages(distribution: str) -> str:
    """What apt is asked for, a line a machine and branch."""
    lines = []
    for branch in (580, 590):
        for name, (gpus, nvswitches) in MACHINES.items():
            if (branch, name) == (590, "1x P40"):
                continue  # no branch after 580 drives it
            wanted = DriverWanted(branch, "13.0")
            names = package_names(wanted, facts(distribution, gpus, nvswitches))
            tied = ", ".join("|".join(group) for group in names.tied)
            rest = f"{', '.join(names.optional)}; {', '.join(names.others)}"
            lines.append(f"{branch} {name}: {tied}; {rest}\n")
    return "".join(lines)


def files_of(distribution: str) -> dict[str, str]:
    """By path, all that is rendered for a box with branch 580."""
    known = repository(distribution, "amd64")
    assert known is not None
    return {**driver_files(580, known.url), **persistenced_drop_in("nvidia-persistenced")}


def cases() -> dict[str, Callable[[], str]]:
    """By the golden's name."""
    made: dict[str, Callable[[], str]] = {}
    for name in distributions():
        made[f"{name}-packages.txt"] = lambda name=name: packages(name)
        made[f"{name}-freehold-nvidia.sources"] = lambda name=name: files_of(name)[SOURCE]
    for path, text in files_of("debian12").items():
        if path != SOURCE:
            # Alike on all distributions.
            made[path.lstrip("/").replace("/", "-")] = lambda text=text: text
    return made


if __name__ == "__main__":
    for name, case in cases().items():
        (GOLDENS / name).write_text(case())
