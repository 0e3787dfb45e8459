"""One look at a node for a person: its machine and its server, and both since the look before."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from freehold.facts.fact import gather
from freehold.facts.telemetry import TELEMETRY, Rates, Telemetry, rates
from freehold.hosts.host import Host, HostError
from freehold.service.client import connect, read_key
from freehold.service.metrics import ServerMetrics
from freehold.service.state import READY


@dataclass(frozen=True)
class Look:
    """`state` is the server's, by its HTTP; `server` is None where it did not tell its metrics, and
    then `server_error` may say why. `deadline` is the lease's, of a rented node."""

    machine: Telemetry
    state: str
    server: ServerMetrics | None
    server_error: str | None
    deadline: datetime | None = None


@dataclass(frozen=True)
class Change:
    """Between two looks; `tokens_per_s` counts answers that ended between them."""

    rates: Rates
    tokens_per_s: float | None


def look_at(host: Host, port: int | None, deadline: datetime | None = None) -> Look:
    """Raises HostError where the node itself does not tell; a server that does not is said."""
    machine: Telemetry = gather(host, [TELEMETRY])[0]
    if port is None:
        return Look(machine, "not of the stack", None, None, deadline)
    with connect(host, port) as client:
        state = client.health()
        if state != READY:
            return Look(machine, state, None, None, deadline)
        try:
            return Look(machine, state, client.metrics(read_key(host)), None, deadline)
        except HostError as error:
            said = error.problems[0].message.splitlines()[0]
            return Look(machine, state, None, said, deadline)


def change(before: Look | None, now: Look) -> Change | None:
    """None where nothing can be said of the time between."""
    between = rates(before.machine, now.machine) if before else None
    if before is None or between is None:
        return None
    tokens_per_s = None
    if before.server and now.server:
        tokens = now.server.predicted_tokens - before.server.predicted_tokens
        if tokens >= 0:  # else it was started again
            tokens_per_s = tokens / (now.machine.at_s - before.machine.at_s)
    return Change(between, tokens_per_s)


def look_json(name: str, look: Look, since: Change | None) -> dict[str, Any]:
    """All of it as plain data."""
    machine = dataclasses.asdict(look.machine)
    for gpu, found in zip(machine["gpus"], look.machine.gpus, strict=True):
        gpu["held_back_by"] = list(found.held_back_by)
    return {
        "node": name,
        **machine,
        "server_state": look.state,
        "server": dataclasses.asdict(look.server) if look.server else None,
        "server_error": look.server_error,
        "lease_deadline": look.deadline.isoformat() if look.deadline else None,
        "since_last": dataclasses.asdict(since) if since else None,
    }
