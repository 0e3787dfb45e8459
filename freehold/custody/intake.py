"""What is done once a set has come into the store: it is signed, and written into the ledger."""

from __future__ import annotations

from freehold.custody.event import Act, Event
from freehold.custody.ledger import record
from freehold.weights.manifest import Manifest
from freehold.weights.owner import Owner
from freehold.weights.signature import sign_manifest
from freehold.weights.store import Store


def take_in(
    store: Store, manifest: Manifest, act: Act, owner: Owner | None, **details: str | int
) -> None:
    """`act` is PUT or FETCHED. Raises SignatureError where there is an owner who cannot sign:
    the set is in the store then, recorded, and unsigned."""
    event = Event.of(act, manifest, store.place, "", bytes=manifest.size_bytes, **details)
    record(store, event, owner)
    if owner is not None:
        sign_manifest(store, manifest.kind, manifest.name, owner)
