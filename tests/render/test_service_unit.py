"""The unit file: kept as goldens, read by systemd itself, and as closed as is claimed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from freehold.hosts.command import Command
from freehold.hosts.host import run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.render.service import is_loopback
from tests.render.cases import CASES, GOLDENS, OTHERS

EXPOSURE_MAX = 1.5
BOTH = ("freehold-guard-ups.service", "freehold-telemetry-gpu.service")
EXPOSURE_MAX_OF_BOTH = 2.0
"""Root that opens GPUs' devices and speaks on the network too: neither goes without its price."""


@pytest.mark.parametrize("name", CASES)
def test_a_unit_is_as_its_golden(name: str) -> None:
    """After a change that is meant: python -m tests.render.cases"""
    assert CASES[name]() == (GOLDENS / f"{name}.service").read_text()


@pytest.mark.parametrize("name", OTHERS)
def test_what_verifies_is_as_its_golden(name: str) -> None:
    assert OTHERS[name]() == (GOLDENS / name).read_text()


def test_every_golden_has_its_case() -> None:
    assert {path.name for path in GOLDENS.iterdir()} == {*(f"{c}.service" for c in CASES), *OTHERS}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("name", CASES)
def test_systemd_finds_nothing_wrong_with_a_unit(name: str, tmp_path: Path) -> None:
    text = CASES[name]()
    # The engine itself is not on this machine.
    text, count = re.subn(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
    assert count == 1
    unit = tmp_path / "llama-server.service"
    unit.write_text(text)
    argv = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_what_verifies(tmp_path: Path) -> None:
    for name, text in OTHERS.items():
        (tmp_path / name).write_text(text())
    argv = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in OTHERS)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


SERVICES = {**CASES, **{name: text for name, text in OTHERS.items() if "timer" not in name}}


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_is_as_closed_as_is_claimed(name: str, ssh_host: SshHost) -> None:
    analyze = "systemd-analyze security --offline=true --no-pager ./fh-test.service"
    script = f"cd $(mktemp -d) && cat >fh-test.service <<'.'\n{SERVICES[name]()}.\n{analyze}"
    said = run_or_raise(ssh_host, Command(script, "a test"))
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert exposure is not None
    assert float(exposure[1]) <= (EXPOSURE_MAX_OF_BOTH if name in BOTH else EXPOSURE_MAX)


def test_only_a_server_for_the_box_itself_is_closed_to_the_network() -> None:
    assert "IPAddressDeny=any" in CASES["cpu-loopback"]()
    assert "IPAddressDeny" not in CASES["cpu-network"]()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("::", False),
        ("10.0.0.1", False),
        ("example.org", False),
    ],
)
def test_loopback_is_told_from_the_network(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected
