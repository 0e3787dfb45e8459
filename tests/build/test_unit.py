"""The unit of a build: as its golden, found well by systemd, and closed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from freehold.build.on_node import BUILD, unit_text
from freehold.hosts.ssh import SshHost
from tests.rent.tasks import out

GOLDEN = Path(__file__).with_name("goldens") / BUILD.unit
NAME = "llama.cpp-11434-cuda"
EXPOSURE_MAX = 1.5


def test_it_is_as_its_golden() -> None:
    assert unit_text(NAME) == GOLDEN.read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    unit = tmp_path / BUILD.unit
    unit.write_text(unit_text(NAME))
    argv = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_is_as_closed_as_is_claimed(ssh_host: SshHost) -> None:
    analyze = "systemd-analyze security --offline=true --no-pager ./fh-test.service"
    text = GOLDEN.read_text()
    said = out(ssh_host, f"cd $(mktemp -d) && cat >fh-test.service <<'.'\n{text}.\n{analyze}")
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert exposure is not None
    assert float(exposure[1]) <= EXPOSURE_MAX
