"""Owners with keys of their own, made by ssh-keygen."""

from __future__ import annotations

import subprocess
from pathlib import Path

from freehold.weights.owner import Owner


def make_owner(folder: Path, name: str = "owner", passphrase: str = "") -> Owner:
    """A new key in `folder`."""
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(folder / name)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return Owner.of(folder / f"{name}.pub")
