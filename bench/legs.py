"""A leg: a way to bring the cargo to boxes, ours or another's, as a process to be measured."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.cargo import Cargo
from bench.gauge import Measure, gauge
from bench.wire import Wire
from freehold.errors import FreeholdError
from freehold.lab import Box
from freehold.lab.ssh import run_in_box

FOLDER = "/var/lib/freehold-bench"  # where other tools put the files; ours has its own place


class Leg(Protocol):
    """One way. `proves` is what it has checked of what it wrote when it ends."""

    @property
    def name(self) -> str:
        """What it is called in the report."""

    @property
    def proves(self) -> str:
        """In a few words."""

    def argv(self, cargo: Cargo, wire: Wire, boxes: Sequence[Box]) -> Sequence[str]:
        """The process here that brings `cargo` to all `boxes`, and ends when they have it."""

    def folder(self, cargo: Cargo) -> str:
        """Where the files lie on a box after that."""


@dataclass(frozen=True)
class Trip:
    """What goes where, over which wire."""

    cargo: Cargo
    wire: Wire
    boxes: tuple[Box, ...]

    def first(self, leg: Leg) -> Measure:
        """To boxes that have none of it; raises FreeholdError unless each file is there then."""
        self.clear(leg)
        measure = gauge(self.wire.lab, self.boxes, leg.argv(self.cargo, self.wire, self.boxes))
        self.require(leg)
        return measure

    def clear(self, leg: Leg) -> None:
        """Leave nothing of an earlier trip, on the boxes or on its way to their disks."""
        folder = shlex.quote(leg.folder(self.cargo))
        for box in self.boxes:
            ask(box, f"rm -rf {folder} {folder}.partial; mkdir -p {FOLDER}; sync -f {FOLDER}")

    def require(self, leg: Leg) -> None:
        """Every file hashed on every box, whatever the leg has proven of it."""
        wanted = {file.path: file.sha256 for file in self.cargo.manifest.files}
        for box in self.boxes:
            folder = shlex.quote(leg.folder(self.cargo))
            lines = ask(box, f"cd {folder} && openssl dgst -sha256 -r *").splitlines()
            found = {path: sha256 for sha256, _, path in (line.partition(" *") for line in lines)}
            whole = {"blob": self.cargo.sha256_of_all}
            if found not in (wanted, whole):
                words = f"{leg.name}: expected {sorted(wanted)} with their hashes, found {found}"
                raise FreeholdError.of(box.name, words)


def ask(box: Box, command: str) -> str:
    """What a shell command prints, run as root in a box."""
    done = run_in_box(box.lab_folder, box.name, command, timeout_s=600)
    if done.returncode:
        raise FreeholdError.of(box.name, f"{command}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode()


def shell(script: str, *arguments: str | Path) -> list[str]:
    """The argv of a script whose failing command ends it; its `"$@"` are `arguments`."""
    return ["bash", "-ec", script, "bash", *map(str, arguments)]
