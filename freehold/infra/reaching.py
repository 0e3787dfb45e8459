"""How SSH gets to an instance, as the outputs that each resource on it begins with."""

from __future__ import annotations

from pathlib import Path

from freehold.infra.values import Properties
from freehold.rent.reach import Reach
from freehold.rent.way import way_to


def way_of(inputs: Properties, address: str, known: Properties) -> Properties:
    """The outputs `ssh` and `rented`, by the access that `inputs` ask for now; `known` has the
    instance's id, region and host keys."""
    reach = Reach(
        known["instance_id"], known["region"], address, inputs["user"], tuple(known["host_keys"])
    )
    way = way_to(reach, inputs["access"], Path(inputs["ssh_key"]))
    return {"ssh": way.destination, "rented": dict(way.rented)}
