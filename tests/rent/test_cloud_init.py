"""What cloud-init itself says of our user data, as Debian packages it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from freehold import lab
from freehold.lab.root import as_root
from freehold.lab.rootfs import ensure_rootfs
from tests.rent.user_data_cases import CASES

PACKAGES = ("cloud-init",)


@pytest.fixture(scope="module")
def rootfs() -> Path:
    """A root folder with cloud-init in it; nothing is booted."""
    if reason := lab.unsupported():
        pytest.skip(reason)
    return ensure_rootfs(print, PACKAGES)


def schema(rootfs: Path, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """What `cloud-init schema` says."""
    folder.chmod(0o755)
    (folder / "user-data").write_text(text)
    argv = as_root(
        *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--read-only", "--pipe"),
        *("--machine=freehold-schema", "--private-network"),
        *("-D", rootfs, f"--bind-ro={folder}:/mnt"),
        *("cloud-init", "schema", "--config-file", "/mnt/user-data"),
    )
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("name", CASES)
def test_it_is_valid_by_cloud_inits_own_schema(rootfs: Path, tmp_path: Path, name: str) -> None:
    done = schema(rootfs, tmp_path, CASES[name]())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "valid cloud-config" in done.stdout.lower()
    assert "deprecat" not in (done.stdout + done.stderr).lower()


def test_the_schema_does_find_what_is_wrong(rootfs: Path, tmp_path: Path) -> None:
    (text,) = (text() for text in CASES.values())
    done = schema(rootfs, tmp_path, text.replace("ssh_deletekeys: true", "ssh_deletekeys: some"))
    assert done.returncode != 0
    assert "ssh_deletekeys" in done.stdout + done.stderr
