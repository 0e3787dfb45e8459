"""Weights: into the store, out of it to the nodes, and whether every copy is whole."""

from __future__ import annotations

from typing import Any

from freehold.apply.converge import converge
from freehold.apply.verify import verify_on_node
from freehold.plan.fileset import FileSet
from freehold.weights.chosen import Chosen
from freehold.weights.manifest import Kind
from freehold.weights.put import put_weights
from freehold.weights.store import FolderStore, verify
from playbooks.executor import task
from playbooks.nodes import Target, on_nodes, stack, targets
from playbooks.progress import bar
from playbooks.sets import print_sets, put_set, store_of


@task("put")
def put(_c: Any, path: str, name: str, store: str = "", about: str = "") -> None:
    """Put a GGUF file, or the folder of its shards, into the store (--about "licence=MIT")."""
    put_set(put_weights, path, name, store, about)


@task("list")
def show(_c: Any, store: str = "", json: bool = False) -> None:
    """What weights the store holds."""
    print_sets(FolderStore(store_of(store)), Kind.WEIGHTS, json)


@task("sync")
def sync(_c: Any) -> None:
    """Bring the stack's weights to the nodes, ahead of a `pulumi up`."""
    spec, on = stack(), targets()
    weights, store = Chosen.of(spec).weights, FolderStore(spec.store)
    with bar(f"syncing {weights.name}", weights.size_bytes * len(on)) as on_bytes:

        def work(target: Target) -> str:
            done = converge(
                target.host, [FileSet(weights)], store, lambda _step, size: on_bytes(size)
            )
            return f"{weights.name} {'synced' if done else 'was there, proven at its arrival'}"

        on_nodes(work, on)


@task("verify")
def verify_all(_c: Any, nodes_only: bool = False) -> None:
    """Read every byte of the stack's weights again, in the store and on the nodes."""
    spec = stack()
    weights = Chosen.of(spec).weights
    if not nodes_only:
        with bar(f"reading {spec.store}", weights.size_bytes) as on_bytes:
            verify(FolderStore(spec.store), weights, on_bytes)
        print(f"store: {weights.name} is whole")

    def work(target: Target) -> str:
        verify_on_node(target.host, weights)
        return f"{weights.name} is whole"

    on_nodes(work)
