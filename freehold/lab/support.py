"""Whether lab boxes can run on this machine."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.lab.root import as_root

TOOLS = ("systemd-nspawn", "mmdebstrap", "unshare", "setsid", "ip", "ssh", "ssh-keygen")
# What overlayfs(5) refuses or may not have as an upper layer: no whiteouts or trusted attributes.
UNFIT = frozenset(
    {"overlayfs", "nfs", "smb2", "cifs", "fuseblk", "msdos", "exfat", "v9fs", "ecryptfs"}
)


def unsupported() -> str | None:
    """Why lab boxes cannot run here, and what to do about it; None when they can."""
    if sys.platform != "linux":
        return "lab boxes need Linux"
    if platform.freedesktop_os_release().get("ID") not in ("debian", "ubuntu"):
        return "lab boxes are made from the machine's own distribution: Debian or Ubuntu"
    if os.geteuid() != 0 and not _succeeds(["sudo", "-n", "true"]):
        return "lab boxes need root, or sudo without a password (run `sudo -v` first)"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=path)]
    if missing:
        return f"{', '.join(missing)} not found: `bin/setup --lab` installs what lab boxes need"
    # Root in an ordinary Docker container may not mount anything.
    if not _succeeds(as_root("unshare", "--mount", "mount", "-t", "tmpfs", "lab", "/mnt")):
        return "lab boxes need a machine or a virtual machine: root may not mount file systems here"
    return None


def check_state_dir(state_dir: Path) -> None:
    """Raise if the file system there cannot hold the boxes' disks (overlayfs upper folders)."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    said = subprocess.run(
        ["stat", "--file-system", "--format=%T", state_dir], capture_output=True, check=True
    )
    kind = said.stdout.decode().strip()
    if kind in UNFIT:
        raise FreeholdError.of(
            str(state_dir),
            f"expected a local file system such as ext4 for the boxes' disks, got {kind}",
            "set XDG_STATE_HOME to a folder on one",
        )


def _succeeds(argv: list[str]) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
