"""Stacks that rent, in a world of their own, driven by the real engine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from demo.parts import ENGINE, WEIGHTS
from freehold import lab
from freehold.rent.book import LeaseBook
from freehold.rent.lease import time_of, time_text
from freehold.rent.pages import note_name
from freehold.rent.record import Record
from freehold.weights.store import Store
from tests.aws.host_key import CONSOLE
from tests.aws.sdk import engine_environment
from tests.aws.shop import Shop
from tests.aws.world import World
from tests.deadline import in_time
from tests.infra.stack import Running, Stack

TYPES = ["p5.48xlarge", "p4d.24xlarge"]
NODE = "rented"
RENTED_ALONE = ("--target", "**freehold:index:Rented**", "--target", "**pulumi:providers:**")
"""What is rented, without the node on it: no SSH is needed."""


_TIMES = ("made_at", "deadline", "launched_at", "ended_at")


@dataclass
class Rented:
    """A stack with `freehold:rented`, the world that it rents in, and its ledger."""

    stack: Stack
    world: World
    shop: Shop
    store: Store
    book: LeaseBook

    @property
    def id(self) -> str:
        """As the ledger has it."""
        return f"freehold/{self.stack.name}"

    def record(self) -> Record:
        """Of its last lease."""
        return self.book.records_of(self.id)[-1]

    def called(self, action: str) -> int:
        """How often AWS was asked for it."""
        return sum(call.action == action for call in self.world.calls)

    def in_state(self) -> dict[str, dict[str, Any]]:
        """The state's resources by their types, the last of each."""
        state = json.loads(self.stack.pulumi("stack", "export"))["deployment"]
        return {each["type"]: each for each in state.get("resources", [])}

    def pending(self) -> list[dict[str, Any]]:
        """What the state says was under way when an engine was killed."""
        state = json.loads(self.stack.pulumi("stack", "export"))["deployment"]
        return list(state.get("pending_operations") or [])

    def instance_in_state(self) -> str | None:
        """The id of the instance that the state has."""
        found = self.in_state().get("freehold:index:Instance")
        return str(found["id"]) if found else None

    def age(self, by: timedelta) -> None:
        """Have the last lease be so much older, in its ledger: the engine's processes have no
        clock but the real one."""
        record = self.record()
        for note in record.notes:
            details = {
                key: time_text(time_of(value) - by) if key in _TIMES and value else value
                for key, value in note.details.items()
            }
            older = replace(note, time=note.time - by, details=details)
            name = note_name(record.lease.token, note.sequence)
            self.store.objects.put(name, older.content)
        self.book = LeaseBook(self.store.objects)

    @contextlib.contextmanager
    def killed_at(self, action: str, verb: str = "up", **held: Any) -> Iterator[Running]:
        """The engine, at the moment at which AWS has carried out `action` and not answered; it is
        killed at the end of the `with` block."""
        fault = self.world.faults.hold(action, when="timeout", **held)
        running = self.stack.start(verb, "--yes", "--skip-preview", *RENTED_ALONE)
        try:
            running.until(fault.reached.is_set)
            yield running
        finally:
            running.kill()
            fault.release()
            assert in_time(lambda: not running.left(), 10), running.left()


def rented_stack(
    folder: Path, store: Store, world: World, key: Path, backend: Path | None = None, **rented: Any
) -> Rented:
    """A stack that rents in `world`; `key` is the public key, `rented` are further keys."""
    shop = Shop.plain(world.regions)
    shop.open(world)
    config = {
        "store": store.place,
        "engine": ENGINE,
        "model": {"weights": WEIGHTS},
        "server": {"context_tokens": 512, "threads": 1},
        "ssh": {"connect_timeout_s": 5},
        "rented": {
            "regions": ["us-east-1"],
            "types": TYPES,
            "hours": 2,
            "ssh_key": str(key),
            "open_to": ["198.51.100.7/32"],
            **rented,
        },
    }
    stack = Stack(folder, config, backend)
    stack.env |= engine_environment({"PATH": stack.env["PATH"], **world.environment()})
    return Rented(stack, world, shop, store, LeaseBook(store.objects))


def boots_as(world: World, box: lab.Box, host_key: str | None = None) -> None:
    """Have each instance of `world` be the running `box`; its console shows the box's host key, or
    another."""
    shown = host_key or host_key_of(box)

    def boot(instance_id: str) -> None:
        world.set_address(instance_id, box.address)
        world.set_console(instance_id, CONSOLE.format(keys=shown))

    world.on_launch = boot


def host_key_of(box: lab.Box) -> str:
    """Its public one."""
    return (box.folder / "seed/etc/ssh/ssh_host_ed25519_key.pub").read_text().strip()


def rent_key(folder: Path) -> Path:
    """A public key of the test's own, with its private one beside it."""
    key = folder / "rent-key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    return key.with_suffix(".pub")


def kill_providers(running: Running) -> None:
    """SIGKILL to the processes of our provider that this run of the engine started."""
    for pid, argv in running.left().items():
        if "freehold.infra.plugin" in argv:
            with contextlib.suppress(ProcessLookupError):  # the engine may have ended it
                os.kill(pid, signal.SIGKILL)
