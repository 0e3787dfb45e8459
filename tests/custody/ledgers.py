"""A small ledger of a set and an engine on a store and two nodes."""

from __future__ import annotations

from freehold.custody.event import Act, Event
from freehold.custody.ledger import record
from freehold.weights.manifest import Kind
from freehold.weights.owner import Owner
from freehold.weights.store import Store

GLM, OTHER = "a" * 64, "b" * 64


def event(act: Act, place: str = "ada", digest: str = GLM, **details: str | int) -> Event:
    """Of the weights glm; a node has a machine_id, the store `home` none."""
    machine = "" if place == "home" else f"machine-{place}"
    return Event(act, Kind.WEIGHTS, "glm", digest, place, machine, details)


def history() -> list[Event]:
    """Put, brought to two nodes, served, damaged and healed on one, wiped from it."""
    return [
        event(Act.PUT, "home", bytes=240_000_000_000),
        event(Act.ARRIVED, "ada", proof="c" * 64, method="push"),
        event(Act.ARRIVED, "grace", proof="d" * 64),
        event(Act.SERVED, "ada", engine="llama-1"),
        event(Act.DAMAGED, "ada", piece=7),
        event(Act.HEALED, "ada", piece=7),
        event(Act.SERVED, "ada", engine="llama-2"),
        event(Act.VERIFIED, "grace"),
        event(Act.WIPED, "ada", method="blkdiscard"),
    ]


def fill(store: Store, owner: Owner | None = None) -> None:
    """The store's ledger with that history."""
    for each in history():
        record(store, each, owner)
