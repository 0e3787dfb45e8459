"""The files that make a box out of the shared root folder: its name, address and keys."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from freehold.lab.root import run

HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
NETWORK = """\
[Match]
Name=host0

[Network]
Address={address}/24
LinkLocalAddressing=no
LLMNR=no
"""


def make_key(private: Path, comment: str) -> None:
    """A new ed25519 key pair without a passphrase: `private`, and `.pub` beside it."""
    # Beside its place first: a killed `up` may still be making one, and asks nobody.
    new = private.with_name(f".{private.name}.{os.getpid()}")
    for path in (new, public_key(new)):
        path.unlink(missing_ok=True)
    run("lab", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(new)])
    public_key(new).replace(public_key(private))
    new.replace(private)


def public_key(private: Path) -> Path:
    return private.with_name(f"{private.name}.pub")


def known_hosts_line(name: str, private: Path) -> str:
    """The line that pins this host key under the box's name."""
    return f"{name} {' '.join(public_key(private).read_text().split()[:2])}\n"


def ensure_seed(seed: Path, name: str, address: str, client_key: Path) -> None:
    """Write the box's own files, a tree that goes over the root folder, if it is not there yet."""
    if seed.exists():
        return
    beside = seed.with_name("seed.new")
    shutil.rmtree(beside, ignore_errors=True)  # left by an `up` that was cut off
    host_key = beside / HOST_KEY
    host_key.parent.mkdir(parents=True)
    make_key(host_key, name)
    files = {
        "etc/hostname": f"{name}\n",
        "etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {name}\n",
        "etc/machine-id": f"{uuid.uuid4().hex}\n",
        # 10-: before systemd's own 80-container-host0.network, which would ask for DHCP.
        "etc/systemd/network/10-lab.network": NETWORK.format(address=address),
        "etc/ssh/lab_authorized_keys": public_key(client_key).read_text(),
    }
    for place, text in files.items():
        path = beside / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
    for folder in (beside, *(path for path in beside.rglob("*") if path.is_dir())):
        folder.chmod(0o755)  # whatever our umask is: these become the box's own folders
    beside.rename(seed)
