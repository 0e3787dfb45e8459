"""What keeps a driver from working or from being changed, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

from freehold.catalog.nvidia import generation, has_nvlink5, is_driver_package, least_branch
from freehold.errors import Problem
from freehold.facts.driver import DriverFacts
from freehold.plan.driver_wanted import DriverWanted, branch_of, known_distributions, upstream

NVIDIA_HOST = "developer.download.nvidia.com"
NOWHERE = "no source that apt knows of"


def is_working(found: DriverFacts) -> bool:
    """Whether nvidia-smi answers, by a library of the loaded module's own version."""
    loaded = found.loaded_version
    is_same = found.library_version in (None, loaded)
    return loaded is not None and found.smi_version == loaded and is_same


def needs_fabric(found: DriverFacts) -> bool:
    """Whether its GPUs are joined by NVSwitches, which Fabric Manager sets up."""
    is_nvlink5 = len(found.gpus) > 1 and any(map(has_nvlink5, found.gpus))
    return found.nvswitches > 0 or is_nvlink5


def fabric_version(found: DriverFacts) -> str | None:
    """Of the installed Fabric Manager, as the driver counts."""
    names = [name for name in found.packages if name.startswith("nvidia-fabricmanager")]
    return upstream(found.packages[names[0]].version) if names else None


def fabric_problem(place: str, found: DriverFacts) -> Problem | None:
    """Why CUDA would say cudaErrorSystemNotReady (802), although nvidia-smi lists the GPUs."""
    if not needs_fabric(found):
        return None
    version, state = fabric_version(found), found.fabric.active
    if state == "active" and version in (None, found.loaded_version):
        return None
    if version is None and state != "active":
        what = "none"
    elif version not in (None, found.loaded_version):
        what = f"{version} beside the driver {found.loaded_version}"
    else:
        what = f"it {state}"
    return Problem(
        place,
        f"expected Fabric Manager of the driver's own version, running, for the NVSwitches: found "
        f"{what}; CUDA answers cudaErrorSystemNotReady (802) until it runs",
        "freehold:driver installs and starts it; by hand: nvidia-fabricmanager of exactly the "
        "driver's version, then systemctl enable --now nvidia-fabricmanager",
    )


def headers_problem(place: str, found: DriverFacts) -> Problem | None:
    """Why no module can be built for the running kernel."""
    if found.has_headers:
        return None
    others = sorted(name for name in found.packages if name.startswith("linux-headers-"))
    beside = f" (there are {', '.join(others)})" if others else ""
    return Problem(
        place,
        f"expected the headers of the running kernel {found.kernel}, found none{beside}: DKMS "
        "cannot build the driver's module for it",
        f"apt-get install linux-headers-{found.kernel}; where apt has none, boot a kernel that "
        "the distribution still carries",
    )


def nouveau_problem(place: str, found: DriverFacts) -> Problem | None:
    """Why the driver cannot have the GPUs."""
    if not found.is_nouveau_loaded:
        return None
    how = "and not blacklisted" if not found.is_nouveau_blacklisted else "until the next boot"
    if found.is_nouveau_blacklisted and found.is_initramfs_stale:
        how = "and the initramfs is older than its blacklisting"
    return Problem(
        place,
        f"nouveau is loaded {how}: it holds the GPUs, and NVIDIA's module finds none",
        "freehold:driver blacklists it; by hand: blacklist it in /etc/modprobe.d, "
        "update-initramfs -u, reboot",
    )


def secure_boot_problem(place: str, found: DriverFacts) -> Problem | None:
    """Why the kernel would refuse the module that DKMS builds."""
    if not found.is_secure_boot or found.is_key_enrolled or found.loaded_version:
        return None
    key = found.signing_key or "/var/lib/dkms/mok.pub"
    return Problem(
        place,
        f"Secure Boot is on, and the key that DKMS signs modules with is not enrolled ({key}): "
        "the kernel refuses them (Key was rejected by service)",
        f"mokutil --import {key}, then reboot and confirm it at the machine's console: that "
        "needs a person there; or switch Secure Boot off in the firmware",
    )


def mismatch_problem(place: str, found: DriverFacts) -> Problem | None:
    """Why NVML says "Driver/library version mismatch"."""
    loaded, library = found.loaded_version, found.library_version
    if loaded is None or library in (None, loaded):
        return None
    return Problem(
        place,
        f"the library is {library}, the loaded module {loaded}: programs that start now fail "
        "(NVML: Driver/library version mismatch). An upgrade, often an unattended one, replaced "
        "the library under the module",
        "reboot; and hold the driver's packages, as freehold:driver does",
    )


def mixed_problem(place: str, found: DriverFacts) -> Problem | None:
    """Why two drivers are in each other's way."""
    sources = dict(_sources(found))
    if found.runfile:
        sources[f"NVIDIA's .run installer ({found.runfile})"] = "its files"
    if len(sources) < 2:
        return None
    lines = [f"{source}: {names}" for source, names in sorted(sources.items())]
    return Problem(
        place,
        "\n".join(["the driver is from two sources, whose files overwrite each other:", *lines]),
        "keep one: apt-get purge the packages of the other, or nvidia-uninstall",
    )


def _sources(found: DriverFacts) -> Iterator[tuple[str, str]]:
    by_source: dict[str, list[str]] = {}
    for name in sorted(filter(is_driver_package, found.packages)):
        by_source.setdefault(found.origin(name) or NOWHERE, []).append(name)
    for source, names in by_source.items():
        # What an upgrade has taken from its source is of no other one.
        if source != NOWHERE or not any(name in found.installed_by_us for name in names):
            yield source, ", ".join(names)


def gpu_problems(place: str, branch: int, found: DriverFacts) -> Iterator[Problem]:
    """Why that branch drives a GPU not, or not beside another one."""
    for device in dict.fromkeys(found.gpus):
        known = generation(device)
        if known is None:
            yield Problem(place, f"GPU {device}: no branch from 470 on drives it", "another card")
        elif branch < known.least:
            what = f"GPU {device} ({known.name}): expected branch {known.least} or newer"
            hint = f"freehold:driver.branch: {known.least}, or newer"
            yield Problem(place, f"{what}, found {branch}", hint)
        elif known.last is not None and branch > known.last:
            what = f"GPU {device} ({known.name}): {known.last} is the last branch that drives it"
            yield Problem(place, f"{what}, found {branch}", f"freehold:driver.branch: {known.last}")
    names = {each.name: each.is_open for each in map(generation, found.gpus) if each}
    if len(set(names.values())) > 1 and "Blackwell" in names:
        yield Problem(
            place,
            f"no module drives {' and '.join(sorted(names))} together: Blackwell needs the open "
            "one, what is before Turing the closed one",
            "take one of them out",
        )


def cuda_problem(place: str, cuda: str | None, branch: int | None) -> Problem | None:
    """Why that branch does not run that version of CUDA."""
    least = least_branch(cuda) if cuda else None
    if least is None or branch is None or branch >= least:
        return None
    return Problem(
        place,
        f"CUDA {cuda} needs a driver of branch {least} or newer, found {branch}: the engine would "
        'find no GPU ("CUDA driver version is insufficient")',
        f"freehold:driver.branch: {least}, or an engine that is built for an older CUDA",
    )


def stops(place: str, wanted: DriverWanted, found: DriverFacts) -> Iterator[Problem]:
    """All that no step of a plan can do anything about."""
    if not found.gpus:
        hint = "lspci -d 10de: lists them; without one, leave freehold:driver out"
        yield Problem(place, "expected an NVIDIA GPU on the PCI bus, found none", hint)
    if wanted.source(found) is None:
        yield Problem(
            place,
            f"expected a distribution that NVIDIA has packages for ({known_distributions()}), "
            f"found {found.distribution} on {found.arch}",
            "install the driver yourself and leave freehold:driver out, or name a mirror",
        )
    yield from gpu_problems(place, wanted.branch, found)
    if problem := cuda_problem(place, wanted.cuda, wanted.branch):
        yield problem
    source = wanted.source(found)
    if found.runfile:
        yield Problem(
            place,
            f"the driver {found.loaded_version or ''} here is from NVIDIA's .run installer",
            f"{found.runfile} removes it; `pulumi up` then installs {wanted.branch} from packages",
        )
    foreign = {
        name: found.origin(name) or NOWHERE
        for name in filter(is_driver_package, found.packages)
        if not _is_of(found.origin(name), source.url if source else "")
        and name not in found.installed_by_us
        # Before our source was read nothing is known of what comes from it.
        and (found.origin(name) is not None or found.lists_age_s is not None)
    }
    if found.other_entries:
        files = " ".join(found.other_entries)
        yield Problem(
            place,
            f"apt is told of the driver's repository by {files} too: of one repository it takes "
            "one entry, with one key",
            f"rm {files} (NVIDIA's own: apt-get purge cuda-keyring); `pulumi up` has another",
        )
    if foreign:
        names = " ".join(sorted(foreign))
        yield Problem(
            place,
            f"expected no driver, or one of NVIDIA's repository, found another's "
            f"({', '.join(sorted(set(foreign.values())))}): {names}",
            f"apt-get purge {names}; `pulumi up` then installs {wanted.branch}",
        )


def _is_of(origin: str | None, url: str) -> bool:
    return origin is not None and (origin.rstrip("/") == url.rstrip("/") or NVIDIA_HOST in origin)


def branch_there(found: DriverFacts) -> int | None:
    """Of the loaded module."""
    return branch_of(found.loaded_version)
