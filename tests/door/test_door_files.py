"""What is placed for a door: kept as goldens, and read by the tools themselves."""

from __future__ import annotations

import ast
import base64
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from freehold import lab
from freehold.hosts.command import Command
from freehold.hosts.host import run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.infra.certificates import issue, new_authority
from freehold.render.door import DOOR_FOLDER
from tests.door.cases import CASES, GOLDENS

# A port below 1024 takes a capability, and the host's own users.
EXPOSURE_MAX = {"plain.service": 1.5, "limited.service": 1.6}
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get -y -qq install haproxy >/dev/null 2>&1"


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_as_its_golden(name: str) -> None:
    """After a change that is meant: python -m tests.door.cases"""
    assert CASES[name]() == (GOLDENS / name).read_text()


def test_every_golden_has_its_case() -> None:
    assert {path.name for path in GOLDENS.iterdir()} == set(CASES)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("name", ["plain.service", "limited.service"])
def test_systemd_finds_nothing_wrong_with_a_unit(name: str, tmp_path: Path) -> None:
    text = re.sub(r"/usr/sbin/haproxy", "/bin/true", CASES[name]())  # it is not on this machine
    unit = tmp_path / "freehold-door.service"
    unit.write_text(text)
    argv = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("name", EXPOSURE_MAX)
def test_a_unit_is_as_closed_as_is_claimed(name: str, ssh_host: SshHost) -> None:
    analyze = "systemd-analyze security --offline=true --no-pager ./fh-test.service"
    script = f"cd $(mktemp -d) && cat >fh-test.service <<'.'\n{CASES[name]()}.\n{analyze}"
    said = run_or_raise(ssh_host, Command(script, "a test"))
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert exposure is not None
    assert float(exposure[1]) <= EXPOSURE_MAX[name]


def test_the_program_on_the_node_is_for_its_python() -> None:
    ast.parse(CASES["maps.py"](), feature_version=(3, 9))


@pytest.fixture(scope="module")
def with_haproxy(door_box: lab.Box) -> Iterator[SshHost]:
    settings = SshSettings(door_box.lab_folder / "ssh_config")
    with closing(SshHost("one", door_box.name, settings)) as host:
        run_or_raise(host, Command(f"apt-get -qq update >/dev/null && {INSTALL}", "a test"))
        yield host
        run_or_raise(host, Command(INSTALL.replace("install", "purge"), "a test"))


@pytest.mark.parametrize("name", ["plain.cfg", "limited.cfg"])
def test_haproxy_finds_nothing_wrong_with_a_configuration(
    name: str, with_haproxy: SshHost, tmp_path: Path
) -> None:
    """Also no warning."""
    now = datetime.now(UTC)
    files = {
        f"{DOOR_FOLDER}/haproxy.cfg": CASES[name](),
        f"{DOOR_FOLDER}/certificate.pem": issue(new_authority("a test", now), ["one"], now).pem,
        f"{DOOR_FOLDER}/server-key.map": "server key\n",
        **{f"{DOOR_FOLDER}/{each}": CASES[each]() for each in CASES if each.endswith(".map")},
    }
    lines = [f"mkdir -p {DOOR_FOLDER} /run/freehold-door"]
    for path, text in files.items():
        lines.append(f"echo {base64.b64encode(text.encode()).decode()} | base64 -d >{path}")
    lines.append(f"haproxy -c -f {DOOR_FOLDER}/haproxy.cfg 2>&1; code=$?; rm -rf /etc/freehold")
    lines.append("exit $code")
    said = run_or_raise(with_haproxy, Command("\n".join(lines), "a test"))
    assert said.strip() == "Configuration file is valid"
