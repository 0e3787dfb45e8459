"""How each tool is started on the same items, the same boxes and the same ssh_config."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Protocol

from bench.items import FOLDER, SETTINGS, UNIT
from bench.measure import Run, timed
from bench.project import ROOT
from freehold.lab import Box, Lab

HERE = Path(__file__).parent


class Tool(Protocol):
    """Freehold, pyinfra or Ansible."""

    def converge(self, boxes: tuple[Box, ...]) -> float:
        """The seconds of a whole process, with its connections begun anew."""


class Freehold:
    """The library over OpenSSH, as the provider uses it."""

    def __init__(self, lab: Lab, files: Path) -> None:
        self._settings = [str(files), str(lab.ssh_config)]

    def converge(self, boxes: tuple[Box, ...]) -> float:
        """See Tool.converge."""
        names = [box.name for box in boxes]
        return timed(
            Run([sys.executable, "-m", "bench.ours", *self._settings, *names], os.environ, ROOT)
        )


class Pyinfra:
    """pyinfra over paramiko. It looks for host keys by address and not by HostKeyAlias."""

    def __init__(self, programs: Path, lab: Lab, files: Path, temporary: Path) -> None:
        self._programs, self._folder = programs, temporary
        keys = lab.known_hosts.read_text()
        for box in reversed(lab.boxes):  # the name of box 1 begins the name of box 10
            keys = keys.replace(f"{box.name} ", f"{box.address} ")
        known_hosts = temporary / "known_hosts_by_address"
        known_hosts.write_text(keys)
        self._data = {
            "ssh_config_file": str(lab.ssh_config),
            "ssh_known_hosts_file": str(known_hosts),
            "ssh_strict_host_key_checking": "yes",
            "files": str(files),
            "folder": FOLDER,
            "settings": SETTINGS,
            "unit": UNIT,
        }

    def converge(self, boxes: tuple[Box, ...]) -> float:
        """See Tool.converge."""
        inventory = self._folder / f"inventory_{len(boxes)}.py"
        inventory.write_text(f"boxes = {[(box.name, self._data) for box in boxes]!r}\n")
        argv = [str(self._programs / "pyinfra"), "-y", str(inventory), str(HERE / "deploy.py")]
        return timed(Run(argv, os.environ, self._folder))


class Ansible:
    """ansible-core over OpenSSH, with ansible.cfg of this folder."""

    def __init__(self, programs: Path, lab: Lab, files: Path, temporary: Path) -> None:
        self._programs, self._lab, self._folder = programs, lab, temporary
        self._variables = {
            "files_folder": str(files),
            "remote_folder": FOLDER,
            "settings": SETTINGS,
            "unit": UNIT,
        }

    def converge(self, boxes: tuple[Box, ...]) -> float:
        """See Tool.converge."""
        sockets = Path("/tmp", f"bench-{uuid.uuid4().hex[:8]}")  # noqa: S108 - short: a socket's path
        sockets.mkdir(mode=0o700)
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(HERE / "ansible.cfg"),
            "ANSIBLE_HOME": str(self._folder / "ansible"),
            "ANSIBLE_SSH_ARGS": f"-F {self._lab.ssh_config} -o ControlMaster=auto "
            "-o ControlPersist=60s",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets),
        }
        argv = [str(self._programs / "ansible-playbook"), "-i"]
        argv += [",".join([*(box.name for box in boxes), ""])]
        argv += ["-e", json.dumps(self._variables), str(HERE / "playbook.yml")]
        try:
            return timed(Run(argv, environment, self._folder))
        finally:
            for socket in sockets.iterdir():
                self._hang_up(socket)
            sockets.rmdir()

    def _hang_up(self, socket: Path) -> None:
        """The next run begins without a connection, as the others' do."""
        argv = ["ssh", "-F", str(self._lab.ssh_config), "-S", str(socket), "-O", "exit", "any"]
        subprocess.run(argv, capture_output=True, check=False)
        socket.unlink(missing_ok=True)
