"""A machine with nothing but pretended tools."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.setup.machine import HERE, SYSTEM_TOOLS, Machine, executable


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    path = tmp_path / "bin"
    shutil.copytree(HERE / "fakes", path)
    (path / "pulumi-install.sh").unlink()
    for tool in SYSTEM_TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (path / tool).symlink_to(found)
    module = tmp_path / "module"
    executable(module / "python/cmd/pulumi-language-python-exec", "exit 0")
    calls = tmp_path / "calls"
    calls.touch()
    env = {
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "CALLS": str(calls),
        "GO_MODULE": str(module),
        "REAL_PYTHON": getattr(sys, "_base_executable", sys.executable),
        "LANG": os.environ.get("LANG", "C"),
    }
    return Machine(home=tmp_path, path=path, calls=calls, env=env)
