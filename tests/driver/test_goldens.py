"""What is rendered, as goldens, each read by the program that it is for."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from freehold.catalog.nvidia import distributions, is_driver_package
from freehold.render.driver_paths import MODPROBE, PERSISTENCED, PREFERENCES, SOURCE, UPGRADES
from tests.driver.cases import GOLDENS, cases, files_of

needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="no apt here")


@pytest.mark.parametrize("name", cases())
def test_it_is_as_its_golden(name: str) -> None:
    """After a change that is meant: python -m tests.driver.cases"""
    assert cases()[name]() == (GOLDENS / name).read_text()


def test_every_golden_has_its_case() -> None:
    assert {path.name for path in GOLDENS.iterdir()} == set(cases())


@needs_apt
@pytest.mark.parametrize("name", distributions())
def test_apt_reads_the_source(name: str, tmp_path: Path) -> None:
    source = tmp_path / "freehold-nvidia.sources"
    source.write_text(files_of(name)[SOURCE])
    said = apt(tmp_path, "apt-get", "update", "--print-uris", sourcelist=source)
    assert f"/cuda/repos/{name.replace('.', '')}/x86_64/./InRelease" in said
    assert "trusted" not in source.read_text().lower()


@needs_apt
def test_apt_reads_the_pins(tmp_path: Path) -> None:
    pins = tmp_path / "pins"
    pins.write_text(files_of("debian12")[PREFERENCES])
    assert "Pinned packages" in apt(tmp_path, "apt-cache", "policy", preferences=pins)
    pins.write_text("Pin: version 580.*\n")
    with pytest.raises(AssertionError, match="Invalid record"):
        apt(tmp_path, "apt-cache", "policy", preferences=pins)


def apt(
    folder: Path,
    program: str,
    *arguments: str,
    sourcelist: Path | None = None,
    preferences: Path | None = None,
) -> str:
    """What apt says with those files alone, and as it is configured here otherwise."""
    (folder / "none").touch()
    (folder / "parts").mkdir(exist_ok=True)
    options = {
        "Dir::Etc::sourcelist": sourcelist or folder / "none",
        "Dir::Etc::sourceparts": folder / "parts",
        "Dir::Etc::preferences": preferences or folder / "none",
        "Dir::Etc::preferencesparts": folder / "parts",
    }
    words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    done = subprocess.run([program, *words, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@needs_apt
def test_apt_reads_the_blacklist_and_python_its_patterns(tmp_path: Path) -> None:
    conf = tmp_path / "52freehold"
    conf.write_text(files_of("debian12")[UPGRADES])
    argv = ["apt-config", "-c", str(conf), "dump", "Unattended-Upgrade"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    patterns = re.findall(r'Package-Blacklist:: "(.*)";', said)
    # As unattended-upgrades matches them: re.match on the name.
    for name, is_of_the_driver in NAMES.items():
        assert any(re.match(pattern, name) for pattern in patterns) is is_of_the_driver, name


NAMES = {
    "libnvidia-compute-580": True,
    "libnvidia-compute": True,
    "libnvidia-cfg1-580-server": True,
    "nvidia-dkms-580-open": True,
    "nvidia-kernel-open-dkms": True,
    "nvidia-firmware-580-580.95.05": True,
    "nvidia-driver": True,
    "nvidia-driver-580-open": True,
    "nvidia-driver-cuda": True,
    "libcuda1": True,
    "cuda-drivers-580": True,
    "nvidia-fabricmanager-580": True,
    "nvidia-driver-pinning-580": False,
    "nvidia-driver-assistant": False,
    "nvidia-container-toolkit": False,
    "libnvidia-container1": False,
    "libnvidia-egl-wayland1": False,
    "nvidia-cuda-toolkit": False,
    "nvidia-prime": False,
    "cuda-cudart-13-0": False,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_package_is_known_as_a_part_of_the_driver(name: str) -> None:
    assert is_driver_package(name) is NAMES[name]


@pytest.mark.skipif(shutil.which("modprobe", path="/usr/sbin:/sbin") is None, reason="no kmod here")
def test_modprobe_reads_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "freehold-nvidia.conf").write_text(files_of("debian12")[MODPROBE])
    argv = ["/usr/sbin/modprobe", "-n", "-C", str(tmp_path), "--showconfig"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert {"blacklist nouveau", "options nouveau modeset=0"} <= set(done.stdout.splitlines())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_the_drop_in(tmp_path: Path) -> None:
    unit = tmp_path / "nvidia-persistenced.service"
    unit.write_text("[Service]\nExecStart=/bin/false\n")
    drop_in = tmp_path / "nvidia-persistenced.service.d/freehold.conf"
    drop_in.parent.mkdir()
    # The daemon itself is not on this machine.
    text = files_of("debian12")[PERSISTENCED].replace("/usr/bin/nvidia-persistenced", "/bin/true")
    drop_in.write_text(text)
    argv = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
