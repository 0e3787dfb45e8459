"""What a stack needs of a rented machine: its model as the store's own files say, and its keys."""

from __future__ import annotations

from freehold.errors import FreeholdError
from freehold.rent.need import BUCKET_MBIT_PER_S, UPLINK_MBIT_PER_S, Need
from freehold.sizing.shape import shape_of
from freehold.sizing.wanted import wishes_of
from freehold.spec.economy import Policy
from freehold.spec.location import InBucket, remote_location
from freehold.spec.server import Server
from freehold.weights.header import header_of
from freehold.weights.manifest import Kind
from freehold.weights.store import Store


def need_of(
    store: Store,
    location: str,
    weights: str,
    server: Server,
    policy: Policy,
    *,
    types_are_given: bool,
    spent_usd: float = 0.0,
) -> Need:
    """Of a set of weights in a store; `location` is how the stack gives the store.

    `server` is the node's complete one. Raises StoreError or GgufError for weights that are not
    there or no model, and FreeholdError where a person places the model on no type in particular.
    """
    manifest = store.manifest(Kind.WEIGHTS, weights)
    by_hand = server.placement == "by_hand"
    if by_hand and not types_are_given:
        raise FreeholdError.of(
            "freehold:rented.types",
            "expected the types that the placement by hand is for, got none",
        )
    in_bucket = isinstance(remote_location(location), InBucket)
    return Need(
        model=None if by_hand else shape_of(header_of(store, manifest), weights),
        wishes=wishes_of(server),
        weights_bytes=manifest.size_bytes,
        sync_mbit_per_s=BUCKET_MBIT_PER_S if in_bucket else UPLINK_MBIT_PER_S,
        spent_usd=spent_usd,
        policy=policy,
    )
