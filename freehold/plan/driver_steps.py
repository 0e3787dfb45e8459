"""The steps of a driver's plan; `apply` alone knows how each is carried out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class PlaceDriverFile:
    """Write a file atomically that stays when the stack goes; what was there before is kept."""

    path: str
    content: bytes = field(repr=False)
    mode: str = "0644"


@dataclass(frozen=True)
class RepairPackages:
    """Have dpkg end what was interrupted."""


@dataclass(frozen=True)
class FetchKey:
    """Fetch a repository's key; it has its place only where its fingerprint is the one."""

    url: str
    path: str
    fingerprint: str


@dataclass(frozen=True)
class RefreshPackages:
    """Have apt read its sources; the one at `source` must answer, and be signed."""

    source: str


@dataclass(frozen=True)
class ChangePackages:
    """Install `packages` (name, or name=version) in one call of apt, and remove `removed` in it."""

    packages: tuple[str, ...]
    removed: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class HoldPackages:
    """Keep apt from changing packages without being told."""

    packages: tuple[str, ...]


@dataclass(frozen=True)
class MakeSigningKey:
    """Make the key that DKMS signs modules with."""


@dataclass(frozen=True)
class BuildModule:
    """Have DKMS build the module for a kernel."""

    kernel: str


@dataclass(frozen=True)
class RebuildInitramfs:
    """Make a kernel's initramfs anew, from modprobe.d as it is."""

    kernel: str


@dataclass(frozen=True)
class LoadModule:
    """Load the driver's modules."""


@dataclass(frozen=True)
class Reboot:
    """Reboot a box that was booted as `boot_id`, after its requests; `why` is for a person."""

    boot_id: str
    machine_id: str
    why: str


@dataclass(frozen=True)
class RemoveDriver:
    """Purge `packages`, leave `loose` to apt-get autoremove, put back what `files` were before."""

    packages: tuple[str, ...]
    loose: tuple[str, ...]
    files: tuple[str, ...]


DriverStep: TypeAlias = (
    PlaceDriverFile
    | RepairPackages
    | FetchKey
    | RefreshPackages
    | ChangePackages
    | HoldPackages
    | MakeSigningKey
    | BuildModule
    | RebuildInitramfs
    | LoadModule
    | Reboot
    | RemoveDriver
)


def describe_driver(step: DriverStep) -> str:
    """See plan.steps.describe."""
    match step:
        case PlaceDriverFile(path=path):
            return f"place {path}"
        case RepairPackages():
            return "have dpkg end what was interrupted"
        case FetchKey(url=url, fingerprint=fingerprint):
            return f"fetch {url}, of the fingerprint {fingerprint}"
        case RefreshPackages(source=source):
            return f"refresh apt's lists ({source})"
        case ChangePackages(packages=packages, removed=removed, why=why):
            instead = f", in place of {', '.join(removed)}" if removed else ""
            return f"install {', '.join(packages)}{instead} ({why})"
        case HoldPackages(packages=packages):
            return f"hold {', '.join(packages)}"
        case MakeSigningKey():
            return "make a key to sign modules with"
        case BuildModule(kernel=kernel):
            return f"build the module nvidia for {kernel}"
        case RebuildInitramfs(kernel=kernel):
            return f"make the initramfs of {kernel} anew"
        case LoadModule():
            return "load the modules nvidia and nvidia-uvm"
        case RemoveDriver(packages=packages):
            return f"purge {', '.join(packages) or 'no package'}, and restore the driver's files"
        case Reboot(why=why):
            return f"drain, stop and reboot ({why})"
