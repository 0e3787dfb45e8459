"""A driver as it is wanted on a node, and what apt calls it there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from freehold.catalog.nvidia import (
    Repository,
    distributions,
    generation,
    has_nvlink5,
    is_driver_package,
    repository,
)
from freehold.facts.driver import DriverFacts
from freehold.spec import driver as spec
from freehold.spec.driver import ALLOWED, Reboots
from freehold.weights.manifest import Manifest

UNBRANCHED = 590
"""From this branch on Ubuntu's packages bear no branch in their names (Driver Installation Guide,
"Ubuntu 590 and later packages")."""
_UPSTREAM = re.compile(r"(?:\d+:)?(\d+(?:\.\d+)+)")


REBOOTS_ALLOWED = Reboots(ALLOWED)


@dataclass(frozen=True)
class DriverWanted:
    """`branch` is the first number of the version; `cuda` the version of CUDA whose run-time
    libraries the engine needs; `mirror` takes the place of NVIDIA's repository."""

    branch: int
    cuda: str | None = None
    reboot: Reboots = REBOOTS_ALLOWED
    mirror: Repository | None = None

    def source(self, found: DriverFacts) -> Repository | None:
        """Where its packages come from; None where NVIDIA has none for that box."""
        return self.mirror or repository(found.distribution, found.arch)


def driver_wanted(declared: spec.Driver, engine: Manifest) -> DriverWanted:
    """Of the stack's own words, and of what the engine build says of CUDA."""
    mirror = declared.mirror
    return DriverWanted(
        declared.branch,
        declared.cuda or engine.about.get("cuda"),
        declared.reboot,
        Repository(mirror.url, mirror.key, mirror.fingerprint) if mirror else None,
    )


@dataclass(frozen=True)
class PackageNames:
    """`tied` share one version, the driver's; of each group one name is enough, the first that is
    offered. Of `optional` what is offered is taken. `others` have versions of their own."""

    tied: tuple[tuple[str, ...], ...]
    optional: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every name that may be asked for."""
        return (*(name for group in self.tied for name in group), *self.optional, *self.others)


def package_names(wanted: DriverWanted, found: DriverFacts) -> PackageNames:
    """For the box's distribution and GPUs: compute only, without what draws on a screen."""
    generations = [generation(device) for device in found.gpus]
    is_open = all(each is None or each.is_open for each in generations)
    is_ubuntu = found.distribution.startswith("ubuntu")
    names = _of_ubuntu(wanted.branch, is_open) if is_ubuntu else _of_debian(is_open)
    tied, branch = list(names.tied), wanted.branch
    if any(map(has_nvlink5, found.gpus)) and len(found.gpus) > 1:
        tied += [(f"nvlink5-{branch}", "nvlink5")]  # with Fabric Manager and NVLSM in it
    elif found.nvswitches:
        tied += [(f"nvidia-fabricmanager-{branch}", "nvidia-fabricmanager")]
    return PackageNames(tuple(tied), names.optional, cuda_packages(wanted.cuda))


def _of_ubuntu(branch: int, is_open: bool) -> PackageNames:
    end = "" if branch >= UNBRANCHED else f"-{branch}"
    module = f"nvidia-dkms{end}-open" if is_open else f"nvidia-dkms{end}"
    return PackageNames(
        ((module,), (f"libnvidia-compute{end}",), (f"nvidia-utils{end}",)),
        optional=(f"nvidia-compute-utils{end}", "nvidia-persistenced", "nvidia-modprobe"),
    )


def _of_debian(is_open: bool) -> PackageNames:
    module = "nvidia-kernel-open-dkms" if is_open else "nvidia-kernel-dkms"
    return PackageNames(
        ((module,), ("nvidia-driver-cuda",)),
        optional=("nvidia-persistenced", "nvidia-modprobe"),
    )


def cuda_packages(cuda: str | None) -> tuple[str, ...]:
    """What llama.cpp's CUDA back end links besides the driver: libcudart and libcublas."""
    if cuda is None:
        return ()
    end = cuda.replace(".", "-")
    return (f"cuda-cudart-{end}", f"libcublas-{end}")


def asked_names(wanted: DriverWanted) -> tuple[str, ...]:
    """Every name that may be asked for on any box: the facts are gathered before it is known."""
    branch = wanted.branch
    sets = (*(_of_ubuntu(branch, is_open) for is_open in (True, False)), _of_debian(True))
    names = [name for each in sets for name in each.all] + ["nvidia-kernel-dkms"]
    fabric = [f"nvidia-fabricmanager-{branch}", "nvidia-fabricmanager"]
    fabric += [f"nvlink5-{branch}", "nvlink5"]
    return tuple(dict.fromkeys([*names, *fabric, *cuda_packages(wanted.cuda)]))


def upstream(version: str) -> str:
    """580.95.05 of a package's 580.95.05-1ubuntu1."""
    found = _UPSTREAM.match(version)
    return found[1] if found else version


def branch_of(version: str | None) -> int | None:
    """580 of 580.95.05."""
    return int(upstream(version).split(".")[0]) if version else None


def driver_packages(found: DriverFacts) -> Mapping[str, str]:
    """The installed packages that are one driver, with their versions as the driver counts."""
    return {
        name: upstream(package.version)
        for name, package in sorted(found.packages.items())
        if is_driver_package(name)
    }


def known_distributions() -> str:
    """For a message: debian12, debian13, ..."""
    return ", ".join(sorted(distributions()))
