"""What a box has of an NVIDIA driver: GPUs, kernel, module, library, packages and their sources."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from freehold.facts.fact import Fact, every, field, quote
from freehold.facts.unit import seconds_of

_SCRIPT = Path(__file__).with_name("driver.sh")
_OPENPGP = Path(__file__).with_name("openpgp.py")
_VERSION = re.compile(r"\b(\d{3,4}\.\d+(?:\.\d+)*)\b")


@dataclass(frozen=True)
class DebPackage:
    """An installed package; `is_whole` where dpkg has configured it."""

    name: str
    version: str
    is_whole: bool


@dataclass(frozen=True)
class Offered:
    """A version that apt knows of, and the URL of where it comes from."""

    name: str
    version: str
    url: str


@dataclass(frozen=True)
class KeptFile:
    """A file of ours as it lies there."""

    mode: str
    owner: str
    sha256: str
    changed_at_s: float


@dataclass(frozen=True)
class UnitState:
    """What systemd says of a unit of the driver's."""

    load: str
    active: str
    enabled: str
    needs_daemon_reload: bool
    active_since_s: float | None
    """Since the epoch; None where it is not active."""


@dataclass(frozen=True)
class DriverFacts:
    """Versions are the driver's own, such as 580.95.05; None is "there is none"."""

    distribution: str
    """ID and VERSION_ID of os-release: debian13, ubuntu24.04."""
    arch: str
    """dpkg's: amd64, arm64."""
    kernel: str
    boot_id: str
    machine_id: str
    minute: int
    """Of the day, by the box's own clock and time zone."""
    has_headers: bool
    gpus: tuple[str, ...]
    """PCI device ids of NVIDIA's, such as 0x2330."""
    nvswitches: int
    is_secure_boot: bool
    signing_key: str | None
    """With which DKMS signs modules."""
    is_key_enrolled: bool
    is_nouveau_loaded: bool
    is_nouveau_blacklisted: bool
    is_initramfs_stale: bool
    loaded_version: str | None
    """Of the module in the running kernel."""
    on_disk_version: str | None
    """Of the module that the running kernel would load."""
    library_version: str | None
    smi_version: str | None
    """What nvidia-smi says; None where it fails."""
    smi_said: tuple[str, ...]
    listed: tuple[str, ...]
    """The lines of `nvidia-smi -L`."""
    runfile: str | None
    """The uninstaller of NVIDIA's .run installer."""
    packages: dict[str, DebPackage]
    offered: tuple[Offered, ...]
    held: frozenset[str]
    is_dpkg_interrupted: bool
    lists_age_s: int | None
    """Since apt has read the source that we placed; None where it has not."""
    key_fingerprint: str | None
    kept: dict[str, KeptFile]
    persistenced: UnitState
    fabric: UnitState
    daemon_user: str | None
    """Who nvidia-persistenced runs as."""
    installed_by_us: tuple[str, ...]
    """Packages that were not there before Freehold."""
    other_entries: tuple[str, ...] = ()
    """Files in which apt is told of our repository besides ours."""
    cuda: tuple[int, ...] = ()
    """The first numbers of CUDA whose run-time library the linker knows."""
    dkms: tuple[str, ...] = ()
    """The lines of `dkms status nvidia`."""

    def origin(self, name: str) -> str | None:
        """The URL that the installed version of a package is from; None where apt knows of none."""
        package = self.packages.get(name)
        return next(
            (
                each.url
                for each in self.offered
                if package and (each.name, each.version) == (name, package.version)
            ),
            None,
        )


def driver_fact(
    kept: Sequence[str] = (),
    asked: Sequence[str] = (),
    keyring: str = "/nonexistent",
    source: str = "/nonexistent",
    repository: str = "//developer.download.nvidia.com/compute/cuda/repos",
) -> Fact[DriverFacts]:
    """`kept` are the paths of our files, `asked` the packages that might be installed, `keyring`
    and `source` our key and our apt source, `repository` a part of its URL."""
    values = {
        "kept": " ".join(kept),
        "asked": " ".join(asked),
        "keyring": keyring,
        "source": source,
        "repository": repository,
        "openpgp": _OPENPGP.read_text(),
    }
    lines = [f"{name}={quote(value)}" for name, value in values.items()]
    return Fact("driver", "\n".join([*lines, _SCRIPT.read_text()]), _parse)


def _parse(text: str) -> DriverFacts:
    hour_minute = field(text, "local_time").split(":")
    loaded, smi_said = field(text, "loaded"), every(text, "smi")
    is_answered = every(text, "smi_exit") == ("0",)
    units = dict(_unit(line) for line in every(text, "unit"))
    enrolled = every(text, "enrolled")
    return DriverFacts(
        distribution=field(text, "distribution"),
        arch=field(text, "arch"),
        kernel=field(text, "kernel"),
        boot_id=field(text, "boot_id"),
        machine_id=field(text, "machine_id"),
        minute=int(hour_minute[0]) * 60 + int(hour_minute[1]),
        has_headers=field(text, "headers") == "yes",
        gpus=every(text, "gpu"),
        nvswitches=len(every(text, "nvswitch")),
        is_secure_boot=_is_secure_boot(field(text, "secure_boot")),
        signing_key=next(iter(every(text, "signing_key")), None),
        is_key_enrolled=any("already enrolled" in line for line in enrolled),
        is_nouveau_loaded="nouveau" in every(text, "holder"),
        is_nouveau_blacklisted=field(text, "blacklisted") == "yes",
        is_initramfs_stale=_is_stale(every(text, "initrd"), every(text, "modprobe")),
        loaded_version=None if loaded == "none" else _version(loaded),
        on_disk_version=next(iter(filter(None, every(text, "on_disk"))), None),
        library_version=_of_library(every(text, "library")),
        smi_version=_version(smi_said[0]) if is_answered else None,
        smi_said=smi_said,
        listed=every(text, "listed"),
        runfile=next(iter(every(text, "runfile")), None),
        packages=_packages(every(text, "package")),
        offered=tuple(map(_offered, every(text, "offered"))),
        held=frozenset(every(text, "held")),
        is_dpkg_interrupted=bool(every(text, "dpkg")),
        lists_age_s=next((int(age) for age in every(text, "lists_age")), None),
        key_fingerprint=next(iter(every(text, "key")), None),
        kept=dict(_kept(line) for line in every(text, "kept")),
        persistenced=units["nvidia-persistenced"],
        fabric=units["nvidia-fabricmanager"],
        daemon_user=next(iter(every(text, "user")), None),
        installed_by_us=every(text, "installed_by_us"),
        other_entries=every(text, "entry"),
        cuda=tuple(map(int, every(text, "cuda"))),
        dkms=every(text, "dkms"),
    )


def _is_secure_boot(said: str) -> bool:
    """Of mokutil's first line, or of the firmware's variable."""
    if said in ("SecureBoot enabled", "efivar 1"):
        return True
    off = ("SecureBoot disabled", "efivar 0", "no EFI", "EFI variables are not supported")
    if not said.startswith(off):
        raise ValueError(f"expected the state of Secure Boot, found {said!r}")
    return False


def _is_stale(initrd: Sequence[str], modprobe: Sequence[str]) -> bool:
    return any(float(changed) > float(made) for made in initrd for changed in modprobe)


def _version(text: str) -> str:
    found = _VERSION.search(text)
    if found is None:
        raise ValueError(f"expected a driver's version, found {text!r}")
    return found[1]


def _of_library(paths: Sequence[str]) -> str | None:
    return _version(paths[0].rpartition(".so.")[2]) if paths else None


def _packages(lines: Sequence[str]) -> dict[str, DebPackage]:
    """Of `ii |name|version`: the second letter is what is, in three what is removed but its
    configuration (rc)."""
    found = {}
    for line in lines:
        status, name, version = line.split("|")
        if status[1] not in "nc":
            found[name] = DebPackage(name, version, status[1] == "i")
    return found


def _offered(line: str) -> Offered:
    """Of apt-cache madison: `name | version | URL suite Packages`."""
    name, version, rest = (part.strip() for part in line.split("|"))
    return Offered(name, version, rest.split(" ")[0])


def _kept(line: str) -> tuple[str, KeptFile]:
    mode, owner, changed_at, sha256, path = line.split(" ", 4)
    return path, KeptFile(f"0{mode}", owner, sha256, float(changed_at))


def _unit(line: str) -> tuple[str, UnitState]:
    name, *properties = line.strip("|").split("|")
    by_name = dict(each.split("=", 1) for each in properties)
    entered = by_name["ActiveEnterTimestamp"]
    is_active = by_name["ActiveState"] == "active"
    return name, UnitState(
        by_name["LoadState"],
        by_name["ActiveState"],
        by_name["UnitFileState"],
        by_name["NeedDaemonReload"] == "yes",
        seconds_of(entered) if is_active else None,
    )
