"""Instances of the world that boot: lab boxes, from their user data, by cloud-init itself."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from freehold import lab
from freehold.lab.root import run_as_root
from tests.aws.machines import Machine
from tests.aws.world import World

PACKAGES = ("cloud-init",)
POLL_S = 0.1
JOIN_S = 30

CONFIG = """\
# What Ubuntu's image for EC2 has; a box's network is set already, and it has no mirror.
datasource_list: [NoCloud]
network: {config: disabled}
locale: C.UTF-8
preserve_hostname: true
apt_preserve_sources_list: true
system_info:
  distro: debian
  default_user:
    name: ubuntu
    lock_passwd: true
    shell: /bin/bash
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
"""


@dataclass
class Booted:
    """A box that is an instance. `ended` is set when it is to be watched no longer."""

    box: lab.Box
    instance_id: str
    ended: threading.Event = field(default_factory=threading.Event)


class Boots:
    """Each launch in `world` takes the next box of `boxes`, which boots as that instance."""

    def __init__(self, world: World, boxes: tuple[lab.Box, ...]) -> None:
        self._world, self._free = world, list(boxes)
        self._booted: dict[str, Booted] = {}
        self._threads: list[threading.Thread] = []
        self.failures: list[BaseException] = []
        world.on_launch, world.on_end = self._launched, self._terminated

    def box(self, instance_id: str) -> lab.Box:
        """The box that an instance is."""
        return self._booted[instance_id].box

    def close(self) -> None:
        """Cut the power of all of them. Raises what went wrong while they booted."""
        for booted in self._booted.values():
            booted.ended.set()
            booted.box.cut_power()
        for thread in self._threads:
            thread.join(JOIN_S)
        if self.failures:
            raise self.failures[0]

    def _launched(self, instance_id: str) -> None:
        booted = self._booted[instance_id] = Booted(self._free.pop(0), instance_id)
        (machine,) = (m for m in self._world.machines() if m.id == instance_id)
        public_key = _public_key(self._world, instance_id)
        self._world.set_address(instance_id, booted.box.address)
        self._world.set_console(instance_id, None)
        self._start(booted, machine, public_key)

    def _start(self, booted: Booted, machine: Machine, public_key: str | None) -> None:
        def run() -> None:
            try:
                plant(booted.box, machine, public_key)
                booted.box.boot()
                self._watch(booted)
                if booted.ended.is_set():  # perhaps before it had begun to boot
                    booted.box.cut_power()
            except BaseException as failure:
                self.failures.append(failure)

        self._threads.append(threading.Thread(target=run, name=machine.id, daemon=True))
        self._threads[-1].start()

    def _watch(self, booted: Booted) -> None:
        """Its console goes to AWS as it comes; a box that is off has shut itself down."""
        console = booted.box.folder / "console.log"
        while not booted.ended.wait(POLL_S):
            is_running = booted.box.is_running()
            self._world.set_console(booted.instance_id, console.read_text(errors="replace"))
            if not is_running:
                self._world.instance_powered_off(booted.instance_id)
                return

    def _terminated(self, instance_id: str) -> None:
        booted = self._booted[instance_id]
        booted.ended.set()
        booted.box.cut_power()
        # Its disk went with it.
        place = booted.box.folder
        run_as_root(booted.box.name, "rm", "-rf", "--one-file-system", place / "upper")


@contextlib.contextmanager
def boots(world: World, count: int, state_dir: Path) -> Iterator[Boots]:
    """A lab whose boxes are the instances of a world: up to `count` launches."""
    with lab.temporary(count, state_dir, packages=PACKAGES, starts=False) as found:
        running = Boots(world, found.boxes)
        try:
            yield running
        finally:
            running.close()


def plant(box: lab.Box, machine: Machine, public_key: str | None) -> None:
    """Give a box that never started what EC2 would tell cloud-init of the instance."""
    seed = box.folder / "seed"
    # Only the key pair's owner gets in, by the instance's own host key.
    for place in ("etc/ssh/lab_authorized_keys", "etc/ssh/ssh_host_ed25519_key"):
        (seed / place).unlink()
    told = {"instance-id": machine.id, "public-keys": [public_key] if public_key else []}
    files = {
        "var/lib/cloud/seed/nocloud/meta-data": json.dumps(told),  # which is YAML too
        "var/lib/cloud/seed/nocloud/user-data": machine.user_data,
        "etc/cloud/cloud.cfg.d/99-lab.cfg": CONFIG,
    }
    for place, text in files.items():
        path = seed / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
    for folder in (path for path in seed.rglob("*") if path.is_dir()):
        folder.chmod(0o755)


def _public_key(world: World, instance_id: str) -> str | None:
    instance = world.moto_instance(instance_id)
    pairs = world.ec2(instance.region_name).key_pairs
    return pairs[instance.key_name].public_key if instance.key_name else None
