"""The door beside the server asked directly, and a good client while slow ones hold on."""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.box import Box as Frame
from rich.table import Table

from bench.measure import timed
from bench.project import UP, environment, real_project
from demo.parts import fill_store
from freehold import lab
from freehold.errors import FreeholdError

CLIENT = Path(__file__).with_name("door_load.py")
CONNECTIONS, SECONDS, SLOW = 8, 10, 2000
PORT, SERVER_PORT = 8443, 8080
AUTHORITY = "/run/bench-ca.pem"
GOAL = 2.0
"""The good client's p99 while slow ones hold on, at most, over its p99 before."""


@dataclass
class Doors:
    """By who asked: requests a second, median, p99 and failures; `held` slow clients at the end."""

    seen: dict[str, dict[str, float]] = field(default_factory=dict)
    held: int = 0

    @property
    def ratio(self) -> float:
        """Of the good client's p99: while slow ones hold on, over before."""
        before, meanwhile = self.seen["one client"], self.seen["one client, slow ones hold on"]
        return meanwhile["p99_ms"] / before["p99_ms"]

    def table(self, frame: Frame | None) -> Table:
        """What was seen, and whether the goal was met."""
        verdict = "met" if self.ratio <= GOAL else "missed"
        title = (
            f"\nthe door: GET /v1/models for {SECONDS} s each, client and node on the same CPUs; "
            f"{self.held} slow clients\np99 while they hold on: {self.ratio:.2f}x "
            f"(goal <= {GOAL:g}x: {verdict})"
        )
        table = Table(title=title, box=frame, title_justify="left")
        for name in ("who", "requests/s", "median ms", "p99 ms", "failed"):
            table.add_column(name, justify="left" if name == "who" else "right")
        for who, seen in self.seen.items():
            numbers = (f"{seen['requests_per_s']:,.0f}", f"{seen['median_ms']:.2f}")
            table.add_row(who, *numbers, f"{seen['p99_ms']:.2f}", f"{seen['failed']:.0f}")
        return table


def measure(doors: Doors, say: Callable[[str], None]) -> None:
    """On one box, with the real server behind a real door. Raises FreeholdError."""
    if reason := lab.unsupported():
        raise FreeholdError.of("bench", f"lab boxes cannot run on this machine: {reason}")
    key = secrets.token_urlsafe(32)
    entry: dict[str, Any] = {"name": "bench", "sha256": hashlib.sha256(key.encode()).hexdigest()}
    entry |= {"per_minute": 1_000_000, "at_once": 1000}
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as name:
        folder = Path(name)
        fill_store(folder / "store", say)
        say("starting a box whose apt offers HAProxy")
        with (
            lab.temporary(1, lab.default_state_dir(), offers=("haproxy",)) as boxes,
            real_project(
                boxes,
                folder / "store",
                environment(folder),
                door={"keys": [entry]},
            ) as real,
        ):
            say("pulumi up until a token came through the door")
            timed(real.run(*UP))
            say(f"asking: directly, by the door, and while {SLOW} slow clients hold on")
            box = boxes.boxes[0]
            _on(box, f"cat >{AUTHORITY}", real.output("ca_certificate"))
            told = _ask(box, key)
    doors.held = told.pop("held")
    doors.seen |= told


def _ask(box: lab.Box, key: str) -> dict[str, Any]:
    options = {
        "key": key,
        "authority": AUTHORITY,
        "server_key": "/etc/freehold/api-key",
        "port": PORT,
        "server_port": SERVER_PORT,
        "connections": CONNECTIONS,
        "seconds": SECONDS,
        "slow": SLOW,
    }
    place = f"/run/{CLIENT.name}"
    _on(box, f"cat >{place}", CLIENT.read_bytes())
    # Each of the slow ones is an open file.
    said = _on(box, f"ulimit -n 20000 && python3 {place}", json.dumps(options).encode())
    told: dict[str, Any] = json.loads(said)
    return told


def _on(box: lab.Box, command: str, sent: bytes) -> bytes:
    argv = box.ssh_argv(command, user="root")
    done = subprocess.run(argv, input=sent, capture_output=True, check=False, timeout=600)
    if done.returncode:
        raise FreeholdError.of("bench", f"{CLIENT.name}: {done.stderr.decode(errors='replace')}")
    return done.stdout
