"""Weights: into the store, out of it to the nodes, and whether every copy is whole."""

from __future__ import annotations

from typing import Any

from freehold.apply.converge import converge
from freehold.apply.fanout import Fanout
from freehold.apply.sync import Moved
from freehold.apply.syncing import Syncing
from freehold.apply.throttle import Throttle
from freehold.apply.verify import DamagedError, verify_on_node
from freehold.custody.event import Act
from freehold.custody.keeper import Keeper
from freehold.hosts.host import Host
from freehold.plan.fileset import FileSet
from freehold.weights.chosen import Chosen
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.open import stack_store
from freehold.weights.put import put_weights
from freehold.weights.store import verify
from playbooks.executor import task
from playbooks.nodes import Target, on_nodes, stack, targets
from playbooks.options import about_of
from playbooks.progress import bar, warn
from playbooks.sets import print_sets, put_set, store_of
from playbooks.sync_progress import sync_progress


@task("put")
def put(_c: Any, path: str, name: str, store: str = "", about: str = "", owner: str = "") -> None:
    """Put a GGUF file, or the folder of its shards, into the store (--about "licence=MIT")."""
    put_set(put_weights, path, name, store, about_of(about), owner)


@task("list")
def show(_c: Any, store: str = "", json: bool = False) -> None:
    """What weights the store holds."""
    print_sets(store_of(store), Kind.WEIGHTS, json)


@task("sync")
def sync(_c: Any) -> None:
    """Bring the stack's weights to the nodes, ahead of a `pulumi up`."""
    spec, on = stack(), targets()
    weights, store = Chosen.of(spec).weights, stack_store(spec)
    throttle = Throttle(spec.transfer.limits, spec.transfer.connections)
    fanout = Fanout() if len(on) > 1 else None
    keeper = Keeper(lambda: store, spec.owner, warn)
    with sync_progress(weights.size_bytes, len(on)) as heard_of:

        def work(target: Target) -> str:
            heard, said = heard_of(target.host.name), [f"{weights.name} was there, proven"]

            def arrived(host: Host, manifest: Manifest, moved: Moved) -> None:
                size, seconds = moved.size_bytes, round(moved.seconds)
                keeper.arrived(host, manifest, way=moved.way, bytes=size, seconds=seconds)
                said[0] = (
                    f"{manifest.name} synced: {size / 1e6:,.0f} MB by {moved.way}, {seconds} s"
                )

            converge(
                target.host,
                [FileSet(weights)],
                store,
                Syncing(lambda _step: heard, throttle, fanout, arrived),
            )
            return said[0]

        on_nodes(work, on)


@task("verify")
def verify_all(_c: Any, nodes_only: bool = False) -> None:
    """Read every byte of the stack's weights again, in the store and on the nodes."""
    spec = stack()
    weights, store = Chosen.of(spec).weights, stack_store(spec)
    keeper = Keeper(lambda: store, spec.owner, warn)
    if not nodes_only:
        with bar(f"reading {store.place}", weights.size_bytes) as on_bytes:
            verify(store, weights, on_bytes)
        print(f"store: {weights.name} is whole")

    on = targets()
    with bar(f"reading {weights.name} on {len(on)} nodes", weights.size_bytes * len(on)) as read:

        def work(target: Target) -> str:
            try:
                verify_on_node(target.host, weights, read)
            except DamagedError as error:
                keeper.keep(target.host, Act.DAMAGED, weights, found=error.problems[0].message)
                raise
            keeper.keep(target.host, Act.VERIFIED, weights, bytes=weights.size_bytes)
            return f"{weights.name} is whole"

        on_nodes(work, on)
