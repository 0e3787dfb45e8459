"""The node's own switch, moved to another deadline over the connection that the lease knows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.infra.sessions import Sessions
from freehold.infra.values import Properties
from freehold.rent.guard import rearm
from freehold.rent.record import Record
from freehold.rent.way import way_to


def rearm_node(sessions: Sessions, record: Record, inputs: Properties, deadline: datetime) -> None:
    """Of a lease's `inputs`: its node, and how SSH gets there."""
    if record.reach is None:
        raise FreeholdError.of(
            f"lease {record.lease.token}",
            "expected a node whose host keys are known: its own switch was not moved",
            "pulumi up finishes it first",
        )
    way = way_to(record.reach, inputs["access"], Path(inputs["ssh_key"]))
    where = {"node": inputs["node"], "ssh": way.destination, "rented": way.rented}
    session = sessions.of(where)
    with sessions.changing(session) as host:
        rearm(host, deadline)
