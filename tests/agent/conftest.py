"""A disk of its own for a test: an image with ext4 on it, mounted by a loop device."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SIZE_BYTES = 96 << 20


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    """The mounted folder; its disk is the file `image` beside it. It can discard."""
    if os.geteuid() or shutil.which("mkfs.ext4", path="/usr/sbin:/sbin:/usr/bin") is None:
        pytest.skip("no root, or no mkfs.ext4")
    image, folder = tmp_path / "image", tmp_path / "disk"
    with image.open("wb") as disk:
        disk.truncate(SIZE_BYTES)
    folder.mkdir()
    subprocess.run(["/usr/sbin/mkfs.ext4", "-q", "-b", "4096", str(image)], check=True)
    done = subprocess.run(
        ["mount", "-o", "loop", str(image), str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no loop devices here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
