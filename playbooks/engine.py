"""Engine builds: into the store, and what flags a build has."""

from __future__ import annotations

from typing import Any

from freehold.weights.manifest import Kind
from freehold.weights.put import put_engine
from playbooks.executor import task
from playbooks.sets import print_sets, put_set, store_of


@task("put")
def put(_c: Any, path: str, name: str, store: str = "", about: str = "", owner: str = "") -> None:
    """Put a folder with llama-server and its libraries into the store."""
    put_set(put_engine, path, name, store, about, owner)


@task("list")
def show(_c: Any, store: str = "", json: bool = False) -> None:
    """What engine builds the store holds."""
    print_sets(store_of(store), Kind.ENGINE, json)


@task("help")
def show_help(_c: Any, name: str, store: str = "") -> None:
    """The flags of a build, as it lists them itself."""
    print(store_of(store).manifest(Kind.ENGINE, name).engine_help)
