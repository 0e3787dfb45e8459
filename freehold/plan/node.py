"""All that is wanted on one node, as items of a plan."""

from __future__ import annotations

from freehold.facts.box import BoxFacts
from freehold.plan.box import Box
from freehold.plan.door import door_items
from freehold.plan.driver import Driver
from freehold.plan.driver_wanted import DriverWanted
from freehold.plan.file import File
from freehold.plan.fileset import FileSet
from freehold.plan.item import Item
from freehold.plan.unit import Unit
from freehold.render.paths import (
    KEY_PATH,
    UNIT,
    UNIT_PATH,
    VERIFY_TIMER,
    VERIFY_TIMER_PATH,
    VERIFY_UNIT_PATH,
)
from freehold.render.service import service_unit, verify_timer, verify_unit
from freehold.sizing.planned import Planned
from freehold.spec.door import Door
from freehold.spec.model import Model, Node
from freehold.weights.chosen import Chosen

VERIFY = Unit(VERIFY_TIMER, (VERIFY_TIMER_PATH, VERIFY_UNIT_PATH))


def node_items(
    model: Model,
    node: Node,
    chosen: Chosen,
    box: BoxFacts,
    planned: Planned,
    api_key: str | None,
    door: Door | None = None,
    driver: DriverWanted | None = None,
) -> tuple[Item, ...]:
    """Everything but the key's file where `api_key` is not known, and what of a `door` is secret:
    Pulumi alone has them."""
    unit = service_unit(
        model, node.server, chosen.weights, chosen.engine, planned, bool(box.nvidia)
    )
    items: list[Item] = [
        Box(chosen.engine.arch),
        FileSet(chosen.engine),
        FileSet(chosen.weights),
        File(UNIT_PATH, unit.encode()),
        File(VERIFY_UNIT_PATH, verify_unit(chosen.weights).encode()),
        File(VERIFY_TIMER_PATH, verify_timer().encode()),
        VERIFY,
        node_unit(node, chosen),
    ]
    if api_key is not None:
        items.insert(3, File(KEY_PATH, f"{api_key}\n".encode(), "0600", is_secret=True))
    if door is not None:
        items += door_items(door, node.server.port, planned.slots)
    if driver is not None:
        items.insert(1, Driver(driver))
    return tuple(items)


def node_unit(node: Node, chosen: Chosen) -> Unit:
    """The server's unit, with all that its process must not be older than."""
    watched = (UNIT_PATH, KEY_PATH, chosen.engine.node_proof, chosen.weights.node_proof)
    return Unit(UNIT, watched, node.server.port)
