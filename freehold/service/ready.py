"""Ready is when /health says so and one real token came; never that a unit is active."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from freehold.facts.fact import gather
from freehold.facts.unit import UnitFacts, unit_fact
from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, run_or_raise
from freehold.service.client import SILENT, connect, read_key

POLL_S = 0.25
POLL_MAX_S = 5.0
JOURNAL_LINES = 10
SILENT_MAX_S = 120  # the server opens its port within seconds, long before the model is loaded


def wait_ready(
    host: Host,
    unit: str,
    port: int,
    timeout_s: float,
    on_state: Callable[[str], None] = lambda _state: None,
    cancelled: threading.Event | None = None,
) -> float:
    """Wait until the model answers; the seconds that it took.

    Raises HostError as soon as the server has crashed, with the last lines of its journal, or
    when `timeout_s` has passed. `on_state` hears each new state.
    """
    cancelled = cancelled or threading.Event()
    began, pause, state = time.monotonic(), POLL_S, ""
    restarts = _unit(host, unit).restarts
    with connect(host, port) as client:
        while True:
            facts = _unit(host, unit)
            if not facts.is_running or facts.is_between_restarts or facts.restarts > restarts:
                raise crashed(host, unit, facts)
            now = client.health()
            if now == "ready":
                client.first_token(read_key(host))
                return time.monotonic() - began
            if now != state:
                on_state(now)
                state = now
            waited_s = time.monotonic() - began
            if waited_s > timeout_s or (now == SILENT and waited_s > SILENT_MAX_S):
                raise _late(host, unit, now, waited_s)
            if cancelled.wait(pause):
                raise HostError.of(host.name, f"{unit}: cancelled while it was {now}")
            pause = min(pause * 1.5, POLL_MAX_S)


def _late(host: Host, unit: str, state: str, waited_s: float) -> HostError:
    hint = "set freehold:server.ready_timeout_s higher, or see fab service.logs"
    if state == SILENT and waited_s > SILENT_MAX_S:
        hint = f"does sshd forward ports there? fab -H {host.name} node.doctor"
    message = f"{unit}: expected it to be ready after {waited_s:.0f} s, it is {state}"
    return HostError.of(host.name, "\n".join([message, *journal(host, unit)]), hint)


def crashed(host: Host, unit: str, facts: UnitFacts) -> HostError:
    """The error of a server that does not stay up."""
    lines = journal(host, unit)
    return HostError.of(
        host.name,
        "\n".join([f"{unit}: the server ended ({facts.active_state}); its last lines:", *lines]),
        f"fab -H {host.name} service.logs",
    )


def journal(host: Host, unit: str, lines: int = JOURNAL_LINES) -> list[str]:
    """The last lines that the server itself wrote, without systemd's about it."""
    # Of the last run alone: an earlier one failed for reasons of its own.
    script = (
        f"run=$(systemctl show -p InvocationID --value {unit})\n"
        f"journalctl -q -o cat -n {lines} --no-pager _SYSTEMD_INVOCATION_ID=$run"
    )
    return run_or_raise(host, Command(script, "reading the journal")).splitlines()[-lines:]


def _unit(host: Host, unit: str) -> UnitFacts:
    facts: UnitFacts = gather(host, [unit_fact(unit, ())])[0]
    return facts
