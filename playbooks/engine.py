"""Engine builds: into the store, and what flags a build has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from freehold.errors import FreeholdError
from freehold.weights.archive import is_archive
from freehold.weights.ask_node import ask_help_on
from freehold.weights.manifest import Kind
from freehold.weights.put import Ask, put_engine
from freehold.weights.release import unpacked_release
from freehold.weights.source import put_source
from playbooks.executor import task
from playbooks.nodes import target_named
from playbooks.options import about_of
from playbooks.sets import print_sets, put_set, store_of

ABOUT = {
    "path": "a folder with llama-server, or a release archive (.zip, .tar.gz, .tar.xz)",
    "name": "what the build is called in the store",
    "sha256": "of an archive: what it must be",
    "on": "the node that runs it once for its --help, where this machine cannot",
    "store": "instead of the stack's",
    "owner": "the SSH public key to sign by, instead of the stack's",
    "about": "what else the manifest says: key=value,key=value",
}


@task("put", about=ABOUT)
def put(
    _c: Any,
    path: str,
    name: str,
    sha256: str = "",
    on: str = "",
    store: str = "",
    about: str = "",
    owner: str = "",
) -> None:
    """Put a folder with llama-server and its libraries, or a release archive, into the store."""
    source, told = Path(path).expanduser(), about_of(about)
    with _asking(on) as ask, contextlib.ExitStack() as stack:
        known: dict[str, str] = {}
        folder = source
        if is_archive(source):
            folder, known = stack.enter_context(unpacked_release(source, sha256))
        elif sha256:
            raise FreeholdError.of("--sha256", "expected none but of an archive")
        by = partial(put_engine, ask=ask)
        put_set(by, folder, name, store, {**known, **told}, owner, str(source.absolute()))


OF_SOURCE = {
    "path": "a source archive (.zip, .tar.gz, .tar.xz)",
    "name": "what the source is called in the store, such as llama.cpp-b11434",
    "commit": "the commit that it is of, where the archive does not name it itself",
    "sha256": "what the archive must be",
    **{key: ABOUT[key] for key in ("store", "owner", "about")},
}


@task("source", about=OF_SOURCE)
def source(
    _c: Any,
    path: str,
    name: str,
    commit: str = "",
    sha256: str = "",
    store: str = "",
    about: str = "",
    owner: str = "",
) -> None:
    """Put a source archive of llama.cpp into the store, for `fab engine.build`."""
    by = partial(put_source, commit=commit.lower(), sha256=sha256)
    put_set(by, path, name, store, about_of(about), owner)


@task("list")
def show(_c: Any, store: str = "", json: bool = False, source: bool = False) -> None:
    """What engine builds the store holds (--source: what sources)."""
    print_sets(store_of(store), Kind.SOURCE if source else Kind.ENGINE, json)


@task("help")
def show_help(_c: Any, name: str, store: str = "") -> None:
    """The flags of a build, as it lists them itself."""
    print(store_of(store).manifest(Kind.ENGINE, name).engine_help)


@contextlib.contextmanager
def _asking(node: str) -> Iterator[Ask | None]:
    """What asks a build on that node; None of no node."""
    if not node:
        yield None
        return
    host = target_named(node).host
    try:
        yield partial(ask_help_on, host)
    finally:
        host.close()
