"""A real server with the real model on a box, as a stack would have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from demo.parts import ENGINE, WEIGHTS
from freehold.apply.converge import remove
from freehold.facts.box import BOX
from freehold.facts.fact import gather
from freehold.hosts.ssh import SshHost
from freehold.plan.item import Item
from freehold.plan.node import node_items
from freehold.spec.model import Model, Node, Server
from freehold.weights.chosen import Chosen
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.store import FolderStore

PORT = 8099
KEY = "a-key-of-the-tests-0123456789"

Items = Callable[[Manifest | None], Sequence[Item]]


@pytest.fixture
def items(ssh_host: SshHost, store: FolderStore) -> Iterator[Items]:
    """All that a node is, with other weights where some are given; gone after the test."""
    made: list[Sequence[Item]] = []

    def of(weights: Manifest | None = None) -> Sequence[Item]:
        chosen = Chosen(
            store.manifest(Kind.ENGINE, ENGINE),
            weights or store.manifest(Kind.WEIGHTS, WEIGHTS),
        )
        server = Server(port=PORT, context_tokens=512, flags={"--no-warmup": True})
        model, node = Model(weights=chosen.weights.name), Node(name="node-1", server=server)
        made.append(node_items(model, node, chosen, gather(ssh_host, [BOX])[0], KEY))
        return made[-1]

    yield of
    for each in made:
        remove(ssh_host, each)
