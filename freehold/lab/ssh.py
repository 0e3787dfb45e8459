"""OpenSSH to the boxes: the config file that people and tests use, and the lab's own calls."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

HOST = """\
Host {name}
    HostName {address}
    User admin
    HostKeyAlias {name}
    IdentityFile "{folder}/client_key"
    IdentitiesOnly yes
    UserKnownHostsFile "{folder}/known_hosts"
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    UpdateHostKeys no
    ForwardAgent no
"""


def write_ssh_config(folder: Path, addresses: Iterable[tuple[str, str]]) -> None:
    """Write `ssh_config` in the lab's folder, a block for each (name, address)."""
    place = _escaped(folder)
    blocks = (HOST.format(name=name, address=at, folder=place) for name, at in addresses)
    (folder / "ssh_config").write_text("\n".join(blocks))


def ssh_argv(ssh_config: Path, box: str, *command: str, user: str | None = None) -> list[str]:
    """The argv of `ssh` to a box: a shell there, or `command`, whose words its shell joins."""
    login = ["-l", user] if user else []
    return ["ssh", "-F", str(ssh_config), *login, box, *command]


def run_in_box(
    folder: Path, box: str, command: str, *, stdin: bytes = b"", timeout_s: float = 10
) -> subprocess.CompletedProcess[bytes]:
    """Run a shell command as root in a box; its host key may also be one the lab itself rotated."""
    place = _escaped(folder)
    known_hosts = f'"{place}/known_hosts" "{place}/known_hosts_rotated"'
    argv = ["ssh", "-F", str(folder / "ssh_config"), "-l", "root"]
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": "1",
        "ServerAliveInterval": "2",
        "UserKnownHostsFile": known_hosts,
    }
    for key, value in options.items():
        argv += ["-o", f"{key}={value}"]
    try:
        return subprocess.run(
            [*argv, box, command], input=stdin, capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as slow:
        return subprocess.CompletedProcess(argv, 255, b"", f"{slow}".encode())


def _escaped(folder: Path) -> str:
    return str(folder).replace("%", "%%")  # % begins a token in ssh_config(5)
