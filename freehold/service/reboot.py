"""A reboot of a node: never of this machine, after its requests, and seen by another boot_id."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.facts.fact import gather
from freehold.facts.unit import UnitFacts, unit_fact
from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, UnreachableError, run_or_raise
from freehold.plan.driver_steps import Reboot
from freehold.render.paths import UNIT
from freehold.service.client import connect, read_key

POLL_S = 2.0
_BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@dataclass(frozen=True)
class Rebooting:
    """How one is done: `port` is the server's; `drain_s` the longest that requests are waited for,
    `back_s` the longest that the box is, as a server of many GPUs takes many minutes."""

    port: int
    drain_s: float = 300
    back_s: float = 1800
    on_state: Callable[[str], None] = lambda _state: None
    cancelled: threading.Event = threading.Event()  # noqa: RUF009 - one that nobody sets


def reboot(host: Host, step: Reboot, how: Rebooting) -> None:
    """Reboot `host`, and return once it answers after another boot.

    Raises HostError where it is this machine, does not reboot, or does not come back in time; what
    was stopped for it is then started again by the next `pulumi up`.
    """
    _require_another(host, step)
    drain(host, how)
    how.on_state(f"rebooting: {step.why}")
    # Whoever has rebooted it meanwhile did what was wanted.
    script = (
        f'[ "$({_BOOT_ID})" = {step.boot_id} ] || exit 0\n'
        f"if systemctl cat {UNIT} >/dev/null 2>&1; then systemctl stop {UNIT}; fi\n"
        "sync\nsystemctl --no-block reboot"
    )
    try:
        run_or_raise(host, Command(script, "rebooting"))
    except UnreachableError:
        if how.cancelled.is_set():
            raise  # else it went down before it had answered
    _wait(host, step, how)


def _require_another(host: Host, step: Reboot) -> None:
    """A container of this machine has its boot_id, a clone of its disk its machine-id."""
    own = {
        Path("/proc/sys/kernel/random/boot_id"): step.boot_id,
        Path("/etc/machine-id"): step.machine_id,
    }
    if any(_text(path) == theirs for path, theirs in own.items() if theirs):
        raise HostError.of(
            host.name,
            f"expected another machine than this one to reboot ({step.why}), found this one",
            "reboot it yourself, then `pulumi up` goes on",
        )


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def drain(host: Host, how: Rebooting) -> None:
    """Wait until nobody is being answered, at most `drain_s`. A server that does not say, as one
    that is loading or crashed, has no requests."""
    facts: UnitFacts = gather(host, [unit_fact(UNIT, ())])[0]
    if facts.active_state != "active":
        return
    deadline_s = time.monotonic() + how.drain_s
    try:
        key = read_key(host)
        with connect(host, how.port) as client:
            while (busy := client.requests(key)) and time.monotonic() < deadline_s:
                how.on_state(f"{busy} requests are waited for before the reboot")
                if how.cancelled.wait(POLL_S / 4):
                    raise UnreachableError.of(host.name, "cancelled before the reboot")
    except UnreachableError:
        raise
    except FreeholdError:
        return


def _wait(host: Host, step: Reboot, how: Rebooting) -> None:
    deadline_s, said = time.monotonic() + how.back_s, ""
    while True:
        try:
            now = run_or_raise(host, Command(_BOOT_ID, "asking for the boot", root=False)).strip()
            if now != step.boot_id:
                return
            said = "it answers, and was not rebooted"
        except UnreachableError as error:
            said = error.problems[0].message
        if how.cancelled.wait(POLL_S):
            raise UnreachableError.of(host.name, "cancelled while it rebooted")
        if time.monotonic() > deadline_s:
            raise HostError.of(
                host.name,
                f"expected it back {how.back_s:.0f} s after its reboot ({step.why}): {said}",
                "look at its console; once it answers, `pulumi up` goes on",
            )
