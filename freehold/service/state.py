"""In which state the server of a node is, in one word or two."""

from __future__ import annotations

from freehold.facts.unit import UnitFacts
from freehold.hosts.host import Host
from freehold.service.client import connect

READY = "ready"


def state_of(host: Host, facts: UnitFacts, port: int) -> str:
    """READY; "loading"; or what systemd says of a unit that does not run: "failed", "inactive".

    An active unit is asked by HTTP: that it is active says nothing of the model.
    """
    if facts.is_absent:
        return "not there: `pulumi up` places it"
    state = facts.active_state
    if facts.is_between_restarts:
        state = "crashed, to be started again"
    elif state == "active":
        with connect(host, port) as client:
            state = client.health()
    return state if facts.is_enabled else f"{state}, not enabled"
