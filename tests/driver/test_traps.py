"""Each known trap on a real box: what the doctor says of it, and that a plan stops or mends it."""

from __future__ import annotations

import pytest

from freehold.hosts.host import HostError
from freehold.plan.item import PlanError
from freehold.render.driver_paths import KEYRING
from freehold.service.doctor import examine
from tests.driver.machine import H100, KERNEL, Machine
from tests.driver.parts import DEBIANS, NEW, OLD
from tests.driver.test_machine import SMI

ROOT_PATH = "PATH=/usr/local/sbin:/usr/sbin:/sbin:$PATH; export DEBIAN_FRONTEND=noninteractive; "
APT = "apt-get -q -y --allow-downgrades --allow-change-held-packages install"


def diagnosis(machine: Machine) -> str:
    """What the doctor says of the driver, without any stack."""
    checks = examine(machine.host, None, None)
    return "\n".join(
        f"{check}\n{check.problem or ''}"
        for check in checks
        if check.what in ("driver", "upgrades")
    )


def by_hand(machine: Machine, script: str) -> None:
    machine.on(ROOT_PATH + script)


def own_source(machine: Machine) -> None:
    """As a person adds NVIDIA's source: without a pin."""
    line = f"deb [signed-by=/srv/key.asc] file:/srv/{machine.distribution} ./"
    by_hand(machine, f"echo '{line}' >/etc/apt/sources.list.d/own.list; apt-get -q update")


def test_headers_that_no_source_has_stop_it_and_are_explained(machine: Machine) -> None:
    machine.fresh()
    machine.on("sed -i 's/^Package: linux-headers-.*/Package: linux-headers-1.0/' "
               "/srv/distribution/Packages; rm /etc/apt/sources.list.d/debian.sources; "
               "apt-get -q update")  # fmt: skip
    with pytest.raises(PlanError, match=f"expected the headers of the running kernel {KERNEL}"):
        machine.settle()
    said = diagnosis(machine)
    assert "DKMS cannot build the driver's module for it" in said
    assert f"apt-get install linux-headers-{KERNEL}" in said


def test_a_kernel_whose_headers_came_later_gets_its_module(machine: Machine) -> None:
    """As after an upgrade of the kernel: the packages are there, the module for it is not."""
    machine.fresh()
    machine.settle()
    by_hand(
        machine, f"dpkg --force-depends -r linux-headers-{KERNEL}; rm -r /lib/modules/*/updates"
    )
    machine.box.power_off()
    machine.box.start()
    assert "expected the headers of the running kernel" in diagnosis(machine)
    done = machine.settle()
    assert f"install linux-headers-{KERNEL} (to build the module)" in done
    assert f"build the module nvidia for {KERNEL}" in done
    assert machine.on(SMI) == NEW
    assert machine.plan() == []


def test_a_module_that_does_not_build_stops_with_the_builders_words(machine: Machine) -> None:
    machine.fresh()
    machine.on("touch /var/lib/hw/build_fails")
    with pytest.raises(HostError, match="Bad return status for module build"):
        machine.settle()
    machine.on("rm /var/lib/hw/build_fails")
    machine.settle()
    assert machine.on(SMI) == NEW


def test_nouveau_that_holds_the_gpus_is_named(machine: Machine) -> None:
    machine.fresh()
    said = diagnosis(machine)
    assert "nouveau is loaded and not blacklisted" in said
    machine.on("mkdir -p /etc/modprobe.d; echo 'blacklist nouveau' >/etc/modprobe.d/own.conf")
    assert "nouveau is loaded until the next boot" in diagnosis(machine)


def test_an_unattended_upgrade_under_the_loaded_module_is_explained_and_mended(
    machine: Machine,
) -> None:
    machine.fresh(has_nouveau=False)
    own_source(machine)
    names = "libnvidia-ml1 nvidia-smi nvidia-driver-cuda nvidia-kernel-open-dkms"
    first = " ".join(f"{name}={OLD}-1" for name in names.split())
    by_hand(machine, f"{APT} linux-headers-{KERNEL} {first}; modprobe nvidia")
    assert "may be upgraded under the loaded module" in diagnosis(machine)
    by_hand(machine, f"{APT} " + " ".join(f"{name}={NEW}-1" for name in names.split()))
    said = diagnosis(machine)
    assert f"the library is {NEW}, the loaded module {OLD}" in said
    assert "Driver/library version mismatch" in said
    with pytest.raises(PlanError, match=r"by /etc/apt/sources\.list\.d/own\.list too") as stopped:
        machine.settle()
    assert "rm /etc/apt/sources.list.d/own.list" in str(stopped.value)
    machine.on("rm /etc/apt/sources.list.d/own.list")
    done = machine.settle()
    assert f"drain, stop and reboot (module {OLD} is loaded, {NEW} is installed)" in done
    assert machine.on(SMI) == NEW
    assert machine.plan() == []


def test_secure_boot_stops_before_the_driver_is_installed_until_the_key_is_enrolled(
    machine: Machine,
) -> None:
    machine.fresh()
    machine.on("touch /var/lib/hw/secure_boot")
    with pytest.raises(PlanError) as stopped:
        machine.settle()
    assert "the key that DKMS signs modules with is not enrolled (/var/lib/dkms/mok.pub)" in str(
        stopped.value
    )
    assert "mokutil --import /var/lib/dkms/mok.pub" in str(stopped.value)
    assert "nvidia" not in machine.on("dpkg-query -W -f '${Package} '")
    assert "Key was rejected by service" in diagnosis(machine)
    machine.on("touch /var/lib/hw/enrolled")
    machine.settle()
    assert machine.on(SMI) == NEW


def test_a_fabric_manager_that_is_missing_or_another_version_is_explained_and_mended(
    machine: Machine,
) -> None:
    machine.fresh(nvswitches=4, has_nouveau=False, distribution="ubuntu2404")
    own_source(machine)
    names = "libnvidia-compute-580 nvidia-utils-580 nvidia-dkms-580-open"
    packages = " ".join(f"{name}={NEW}-1ubuntu1" for name in names.split())
    by_hand(machine, f"{APT} linux-headers-{KERNEL} {packages}; modprobe nvidia")
    assert "found none; CUDA answers cudaErrorSystemNotReady (802)" in diagnosis(machine)
    by_hand(machine, f"{APT} nvidia-fabricmanager-580={OLD}-1")
    assert f"found {OLD} beside the driver {NEW}" in diagnosis(machine)
    machine.on("rm /etc/apt/sources.list.d/own.list")
    done = machine.settle()
    assert "start nvidia-fabricmanager.service (it is inactive)" in done
    assert machine.on("systemctl is-active nvidia-fabricmanager") == "active"
    assert machine.on("dpkg-query -W -f '${Version}' nvidia-fabricmanager-580") == f"{NEW}-1"
    assert machine.plan(machine.wanted()) == []


def test_a_driver_of_the_distribution_is_never_replaced_but_named(machine: Machine) -> None:
    machine.fresh()
    by_hand(
        machine, f"apt-get -q update; {APT} linux-headers-{KERNEL} nvidia-kernel-dkms nvidia-smi"
    )
    with pytest.raises(PlanError) as stopped:
        machine.settle()
    assert "found another's (file:/srv/distribution): nvidia-kernel-dkms nvidia-smi" in str(
        stopped.value
    )
    assert "apt-get purge nvidia-kernel-dkms nvidia-smi" in str(stopped.value)
    assert machine.on("dpkg-query -W -f '${Version}' nvidia-smi").startswith(DEBIANS)
    assert (
        machine.on("ls /etc/apt/sources.list.d /etc/modprobe.d | grep -c freehold || true") == "0"
    )


def test_two_sources_of_one_driver_are_named(machine: Machine) -> None:
    machine.fresh()
    own_source(machine)
    by_hand(machine, f"{APT} nvidia-kernel-open-dkms={NEW}-1 nvidia-smi={DEBIANS}-1~deb12u1")
    said = diagnosis(machine)
    assert "the driver is from two sources, whose files overwrite each other" in said
    assert "file:/srv/distribution: nvidia-smi" in said
    assert "file:/srv/debian12: nvidia-kernel-open-dkms" in said
    with pytest.raises(PlanError, match="apt-get purge nvidia-smi"):
        machine.settle()


def test_nvidias_run_installer_is_named_and_left(machine: Machine) -> None:
    machine.fresh()
    by_hand(machine, "printf '#!/bin/sh\\n' >/usr/bin/nvidia-uninstall; chmod +x /usr/bin/nvidia-*")
    with pytest.raises(PlanError, match=r"is from NVIDIA's \.run installer") as stopped:
        machine.settle()
    assert "/usr/bin/nvidia-uninstall removes it" in str(stopped.value)


@pytest.mark.parametrize(
    ("gpu", "branch", "words"),
    [
        ("0x2901", 550, r"\(Blackwell\): expected branch 570 or newer, found 550"),
        ("0x1b06", 590, r"\(Pascal\): 580 is the last branch that drives it, found 590"),
        ("0x1180", 580, "no branch from 470 on drives it"),
    ],
)
def test_a_branch_that_does_not_drive_the_gpu_is_refused(
    gpu: str, branch: int, words: str, machine: Machine
) -> None:
    machine.fresh(gpus=[gpu])
    with pytest.raises(PlanError, match=words):
        machine.settle(machine.wanted(branch))


def test_a_driver_too_old_for_the_engines_cuda_is_refused(machine: Machine) -> None:
    machine.fresh(gpus=[H100])
    with pytest.raises(PlanError, match=r"CUDA 13\.0 needs a driver of branch 580 or newer"):
        machine.settle(machine.wanted(570, cuda="13.0"))


def test_a_box_without_a_gpu_and_a_branch_that_nobody_has_are_refused(machine: Machine) -> None:
    machine.fresh(gpus=[])
    with pytest.raises(PlanError, match="expected an NVIDIA GPU on the PCI bus, found none"):
        machine.settle()
    machine.fresh()
    with pytest.raises(PlanError, match="expected branch 585 at file:/srv/debian12, found no"):
        machine.settle(machine.wanted(585))


def test_a_key_of_another_fingerprint_is_never_placed(machine: Machine) -> None:
    machine.fresh()
    is_right = machine.key.fingerprint
    machine.on("printf 'no key' >/srv/key.asc")
    with pytest.raises(HostError, match=f"expected a key of the fingerprint {is_right}, found"):
        machine.settle()
    assert machine.on(f"ls {KEYRING} 2>/dev/null || true") == ""
    machine.on("rm /srv/key.asc")
    with pytest.raises(HostError, match="No such file or directory"):
        machine.settle()


def test_a_repository_that_its_key_did_not_sign_is_refused(machine: Machine) -> None:
    machine.fresh()
    machine.on("sed -i 's/^Label: NVIDIA/Label: nvidia/' /srv/debian12/InRelease")
    with pytest.raises(HostError, match=r"signatures were invalid|not signed|BADSIG"):
        machine.settle()
    assert "nvidia" not in machine.on("dpkg-query -W -f '${Package} '")
