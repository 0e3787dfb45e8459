"""What is written down of a lab: its name, network and number of boxes; all else follows."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.lab import network
from freehold.lab.box import Box, Init

MAX_BOXES = 99  # addresses .11 to .109, and interface names of at most 15 characters


@dataclass(frozen=True)
class Lab:
    """Boxes `<name>-1` to `<name>-<count>` on one bridge, and the ssh_config that reaches them."""

    name: str
    count: int
    init: Init
    subnet: str  # the first three octets: "10.1.2"
    folder: Path
    rootfs: Path

    @property
    def boxes(self) -> tuple[Box, ...]:
        return tuple(self._box(number) for number in range(1, self.count + 1))

    @property
    def ssh_config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def short_id(self) -> str:
        """What the names of the lab's links on this machine contain."""
        return network.short_id(self.folder)

    @property
    def bridge(self) -> str:
        return f"fh-{self.short_id}"

    @property
    def gateway(self) -> str:
        """This machine's address on the lab's bridge."""
        return f"{self.subnet}.1"

    def _box(self, number: int) -> Box:
        return Box(
            name=f"{self.name}-{number}",
            address=f"{self.subnet}.{10 + number}",
            init=self.init,
            lab_folder=self.folder,
            machine=f"fh{self.short_id}-{number}",
            bridge=self.bridge,
            rootfs=self.rootfs,
        )


def plan_lab(state_dir: Path, name: str, init: Init, rootfs: Path) -> Lab:
    """A new lab without boxes yet, on a network that nothing else uses."""
    folder = state_dir / name
    subnet = network.free_subnet(network.short_id(folder))
    octets = str(subnet.network_address).rpartition(".")[0]
    return Lab(name, 0, init, octets, folder, rootfs)


def check_name(name: str) -> None:
    """Raise if no lab can have this name: it becomes host names and a folder."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
        raise FreeholdError.of(
            "lab", f'name: expected small letters, digits and "-" (at most 31), got "{name}"'
        )


def check_count(count: int) -> None:
    """Raise if a lab cannot have this many boxes."""
    if not 1 <= count <= MAX_BOXES:
        raise FreeholdError.of("lab", f"count: expected 1 to {MAX_BOXES} boxes, got {count}")


def write_lab(lab: Lab) -> None:
    """Write the lab down; readers see the old or the new, never half of it."""
    lab.folder.mkdir(mode=0o700, exist_ok=True)
    kept = {**dataclasses.asdict(lab), "folder": str(lab.folder), "rootfs": str(lab.rootfs)}
    # Beside the folder: one without lab.json is empty, or is no lab's.
    beside = lab.folder.with_name(f".new-{lab.name}.json")
    beside.write_text(json.dumps(kept, indent=2) + "\n")
    beside.replace(lab.folder / "lab.json")


def read_lab(folder: Path) -> Lab | None:
    """The lab whose folder this is; None if none was written down."""
    try:
        kept = json.loads((folder / "lab.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Lab(**{**kept, "folder": folder, "rootfs": Path(kept["rootfs"])})


@contextlib.contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """One `up` or `down` at a time in a state folder, which is removed when it is left empty."""
    handle = _lock(state_dir)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            state_dir.rmdir()
        os.close(handle)


def _lock(state_dir: Path) -> int:
    while True:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(state_dir, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        # Whoever had the lock before us may have removed the folder that we waited for.
        if state_dir.exists() and os.path.samestat(os.fstat(handle), state_dir.stat()):
            return handle
        os.close(handle)
