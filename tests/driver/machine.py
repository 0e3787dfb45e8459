"""A lab box with GPUs that are not there: its PCI bus, kernel modules, firmware and packages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from freehold import lab
from freehold.apply.converge import look
from freehold.catalog.nvidia import Repository
from freehold.facts.driver import DriverFacts
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.lab.root import run_as_root
from freehold.plan.driver import Driver
from freehold.plan.driver_wanted import DriverWanted
from freehold.plan.steps import Plan, describe
from freehold.service.driver import STAGES_MAX, settle_driver
from freehold.service.reboot import Rebooting
from freehold.spec.driver import Reboots
from tests.driver import parts
from tests.driver.debs import STANDINS, SigningKey, write_repository
from tests.infra.on_box import on

KERNEL = os.uname().release
H100, NVSWITCH = "0x2330", "0x22a3"
SBIN = ("hw-boot", "hw-trip", "modprobe", "modinfo", "mokutil", "update-initramfs")
HW_UNIT = """\
[Unit]
DefaultDependencies=no
After=local-fs.target systemd-tmpfiles-setup.service
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/hw-boot
RemainAfterExit=yes
"""
OS_RELEASE = 'ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04 (a stand-in)"\n'
DEBIAN_SOURCE = "Types: deb\nURIs: file:/srv/distribution\nSuites: ./\nSigned-By: /srv/key.asc\n"


@dataclass
class Machine:
    """One box of a lab of its own. `fresh` puts it back to what a vendor delivers."""

    box: lab.Box
    key: SigningKey
    distribution: str = "debian12"
    host: SshHost = field(init=False)

    def __post_init__(self) -> None:
        self.host = SshHost("gpu", f"admin@{self.box.name}", SshSettings(self.box.ssh_config, 5))

    def seed(self) -> None:
        """Put into the box's own files what makes it a machine with GPUs."""
        seed = self.box.folder / "seed"
        for name in SBIN:
            _copy(STANDINS / name, seed / "usr/local/sbin" / name)
        _write(seed / "etc/systemd/system/hw.service", HW_UNIT)
        wants = seed / "etc/systemd/system/sysinit.target.wants"
        wants.mkdir(parents=True)
        (wants / "hw.service").symlink_to("../hw.service")
        for name, debs in (("debian12", parts.debian12()), ("ubuntu2404", parts.ubuntu2404())):
            write_repository(seed / "srv" / name, debs, self.key, "NVIDIA")
        write_repository(seed / "srv/distribution", parts.distribution(KERNEL), self.key, "Debian")
        _write(seed / "srv/key.asc", self.key.public)
        _write(seed / "etc/apt/sources.list.d/debian.sources", DEBIAN_SOURCE)
        _write(seed / "etc/apt/sources.list", "")
        for folder in (seed, *(path for path in seed.rglob("*") if path.is_dir())):
            folder.chmod(0o755)

    def fresh(
        self,
        gpus: Sequence[str] = (H100, H100),
        nvswitches: int = 0,
        has_nouveau: bool = True,
        distribution: str = "debian12",
    ) -> None:
        """A new disk, that hardware, and the first boot."""
        self.host.close()
        self.box.cut_power()
        for name in ("upper", "work", "root"):
            run_as_root(self.box.name, "rm", "-rf", "--one-file-system", self.box.folder / name)
        hardware = self.box.folder / "seed/var/lib/hw"
        shutil.rmtree(hardware, ignore_errors=True)
        _write(hardware / "gpus", " ".join(gpus))
        _write(hardware / "nvswitches", " ".join([NVSWITCH] * nvswitches))
        if has_nouveau:
            _write(hardware / "has_nouveau", "")
        initrd = self.box.folder / f"seed/boot/initrd.img-{KERNEL}"
        _write(initrd, "made by the vendor\n")
        self.distribution = distribution
        os_release = self.box.folder / "seed/etc/os-release"
        os_release.unlink(missing_ok=True)
        if distribution == "ubuntu2404":
            _write(os_release, OS_RELEASE)
        self.box.start()

    def on(self, script: str) -> str:
        """stdout of a script that root runs there."""
        return on(self.box, script)

    def wanted(self, branch: int = 580, reboot: str = "allowed", cuda: str | None = None) -> Driver:
        """A driver of the tests' repository."""
        mirror = mirror_of(self.distribution, self.key.fingerprint)
        return Driver(DriverWanted(branch, cuda, Reboots(reboot), mirror))

    def settle(
        self, driver: Driver | None = None, stages_max: int = STAGES_MAX, back_s: float = 60
    ) -> list[str]:
        """What was done, a line a step."""
        how = Rebooting(8080, back_s=back_s)
        return lines(settle_driver(self.host, driver or self.wanted(), how, stages_max))

    def facts(self, driver: Driver | None = None) -> DriverFacts:
        found: DriverFacts = look(self.host, [driver or self.wanted()])[0]
        return found

    def plan(self, driver: Driver | None = None) -> list[str]:
        driver = driver or self.wanted()
        return lines(driver.plan(self.host.name, self.facts(driver)))


def lines(plan: Plan) -> list[str]:
    return [describe(step) for step in plan]


def mirror_of(distribution: str, fingerprint: str) -> Repository:
    """The tests' repository on the box's own disk."""
    return Repository(f"file:/srv/{distribution}", "file:/srv/key.asc", fingerprint)


def settle_from_outside(box: str, ssh_config: str, fingerprint: str) -> None:
    """As Machine.settle, for a process of its own."""
    wanted = DriverWanted(580, mirror=mirror_of("debian12", fingerprint))
    with closing(SshHost("gpu", f"admin@{box}", SshSettings(Path(ssh_config), 5))) as host:
        settle_driver(host, Driver(wanted), Rebooting(8080, back_s=60))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    target.chmod(0o755)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
