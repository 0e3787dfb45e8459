"""All that a node is, as a stack would have it: the real engine, the real model or another."""

from __future__ import annotations

from collections.abc import Sequence

from demo.parts import ENGINE, WEIGHTS
from freehold.facts.box import BOX
from freehold.facts.fact import gather
from freehold.hosts.host import Host
from freehold.plan.item import Item
from freehold.plan.node import node_items
from freehold.sizing.planned import Planned
from freehold.spec.model import Model, Node, Server
from freehold.weights.chosen import Chosen
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.store import Store

PORT = 8099
KEY = "a-key-of-the-tests-0123456789"


def wanted(host: Host, store: Store, weights: Manifest | None = None) -> Sequence[Item]:
    """The items of a node; the last is its unit."""
    engine = store.manifest(Kind.ENGINE, ENGINE)
    chosen = Chosen(engine, weights or store.manifest(Kind.WEIGHTS, WEIGHTS))
    server = Server(port=PORT, context_tokens=512, flags={"--no-warmup": True})
    node = Node(name="node-1", server=server)
    box = gather(host, [BOX])[0]
    planned = Planned.by_hand(server, box.cores)
    return node_items(Model(weights=chosen.weights.name), node, chosen, box, planned, KEY)
