"""One box: started, stopped, unplugged, and given another host key."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from freehold.errors import FreeholdError
from freehold.lab import seed, ssh
from freehold.lab.process import Process, is_free
from freehold.lab.root import SCRIPTS, as_root, run, run_as_root

Init = Literal["systemd", "sshd"]


@dataclass(frozen=True)
class Box:
    """A box of a lab; `init` is what runs in it: systemd, or only sshd."""

    name: str
    address: str
    init: Init
    lab_folder: Path
    machine: str  # short and unique on this machine
    bridge: str
    rootfs: Path

    @property
    def folder(self) -> Path:
        return self.lab_folder / self.name

    @property
    def ssh_config(self) -> Path:
        return self.lab_folder / "ssh_config"

    @property
    def cable(self) -> str:
        """This machine's end of the box's network cable."""
        return f"vb-{self.machine}"

    def is_running(self) -> bool:
        process = self._process()
        return process is not None and process.is_alive()

    def ssh_argv(self, *command: str, user: str | None = None) -> list[str]:
        """The argv of `ssh` to this box, as admin or `user`."""
        return ssh.ssh_argv(self.ssh_config, self.name, *command, user=user)

    def start(self, *, timeout_s: float = 60) -> None:
        """Start the box if it is off, and wait until it answers SSH; it outlives this process."""
        self.boot()
        self.wait_until_it_answers(timeout_s=timeout_s)

    def boot(self) -> None:
        """Start the box if it is off, and wait for nothing of what it then does."""
        before = self._process()
        if not self.is_running():
            settings = (self.rootfs, self.machine, self.bridge, self.name, self.init, self.address)
            script = as_root("setsid", "--fork", "sh", SCRIPTS / "box.sh", self.folder, *settings)
            run(self.name, script)
            # A killed `up` may have begun to start it too: one of the two writes its pid down.
            if not _wait_until(
                lambda: self.is_running() or self._process() not in (None, before), timeout_s=10
            ):
                raise self._error("did not start")

    def wait_until_it_answers(self, *, timeout_s: float = 60) -> None:
        """Wait for SSH; the error has the last lines of the box's console."""
        ssh_said = ""

        def answers_or_died() -> bool:
            nonlocal ssh_said
            done = ssh.run_in_box(self.lab_folder, self.name, "true")
            ssh_said = done.stderr.decode(errors="replace").strip()
            return done.returncode == 0 or not self.is_running()

        if not _wait_until(answers_or_died, timeout_s=timeout_s):
            raise self._error(f"no answer by SSH in {timeout_s:g} s: {ssh_said}")
        if not self.is_running():
            raise self._error("stopped while it was starting")

    def power_off(self, *, timeout_s: float = 30) -> None:
        """Shut the box down as its owner would; one without systemd just loses its power."""
        if self.init == "systemd":
            ssh.run_in_box(self.lab_folder, self.name, "systemctl poweroff")
            if not _wait_until(lambda: not self.is_running(), timeout_s=timeout_s):
                raise self._error(f"still on {timeout_s:g} s after `systemctl poweroff`")
        self.cut_power()

    def cut_power(self) -> None:
        """Stop the box at once, or its start: nothing in it gets to finish."""

        def is_off() -> bool:
            if process := self._process():
                process.kill()
            return is_free(self.folder / "lock")

        # What is at work with its disk goes when that is done.
        if not _wait_until(is_off, timeout_s=30):
            raise self._error("its processes are still there 30 s after SIGKILL")

    def unplug(self) -> None:
        """Pull the network cable: the box runs on, and nothing reaches it."""
        run_as_root(self.name, "ip", "link", "set", self.cable, "down")

    def plug(self) -> None:
        """Put the network cable back."""
        run_as_root(self.name, "ip", "link", "set", self.cable, "up")

    def rotate_host_key(self) -> None:
        """Give the box a new host key, one that the lab's known_hosts does not have."""
        key = self.folder / "rotated_key"
        seed.make_key(key, self.name)
        with (self.lab_folder / "known_hosts_rotated").open("a") as lines:
            lines.write(seed.known_hosts_line(self.name, key))
        self._install_host_key(key)

    def restore_host_key(self) -> None:
        """Give the box back the host key that the lab's known_hosts pins."""
        self._install_host_key(self.folder / "seed" / seed.HOST_KEY)

    def _process(self) -> Process | None:
        return Process.read(self.folder / "pid")

    def _install_host_key(self, key: Path) -> None:
        place = f"/{seed.HOST_KEY}"
        command = f"cat >{place} && rm -f {place}.pub && kill -HUP $(cat /run/sshd.pid)"
        done = ssh.run_in_box(self.lab_folder, self.name, command, stdin=key.read_bytes())
        if done.returncode:
            raise self._error(f"host key: {done.stderr.decode(errors='replace')}")
        self.wait_until_it_answers(timeout_s=10)

    def _error(self, message: str) -> FreeholdError:
        try:
            console = (self.folder / "console.log").read_text(errors="replace").splitlines()
        except OSError:
            console = []
        return FreeholdError.of(self.name, "\n".join([message, *console[-10:]]))


def _wait_until(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True
