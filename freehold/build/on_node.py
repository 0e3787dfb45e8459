"""A build on a node, as a service that goes on when nobody watches: one at a time."""

from __future__ import annotations

import shlex
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from freehold.build.order import BuildOrder
from freehold.facts.toolchain import ToolchainFacts
from freehold.hosts.host import Host
from freehold.job import run
from freehold.job.job import Job, State
from freehold.render.templates import render
from freehold.weights.manifest import NODE_FOLDER, FileEntry
from freehold.weights.store import Store

BUILD = Job("freehold-build.service", f"{NODE_FOLDER}/build", "build")
_SCRIPT = Path(__file__).with_name("build.sh").read_text()
_GENERATORS = {"ninja": "Ninja", "make": "Unix Makefiles"}


@dataclass(frozen=True)
class Found:
    """The build that is on a node."""

    state: State
    name: str
    digest: str


@dataclass(frozen=True)
class UnitContext:
    """What the template of the build's unit may use."""

    name: str
    folder: str
    work: str


def unit_text(name: str) -> str:
    """The text of freehold-build.service for a build of that name."""
    return render(BUILD.unit_path, UnitContext(name, BUILD.folder, BUILD.work))


def script_text(order: BuildOrder, tools: ToolchainFacts, jobs: int) -> str:
    """The script of the build, `jobs` files at a time."""
    settings = {
        "archive": order.source.entry,
        "generator": _GENERATORS[tools.maker],
        "jobs": str(jobs),
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
    return "\n".join([*lines, f"set -- {shlex.join(order.words)}", _SCRIPT])


def look(host: Host) -> Found | None:
    """The build that is on the node; None where there is none."""
    found = run.look(host, BUILD)
    if found is None:
        return None
    state, about = found
    try:
        return Found(state, str(about["name"]), str(about["digest"]))
    except KeyError:
        raise run.unknown(host, BUILD, str(about)) from None


def start(host: Host, store: Store, order: BuildOrder, script: str) -> None:
    """Bring the source and begin.

    Raises HostError where there is a build already, StoreError where the source is damaged.
    """
    (entry,) = order.source.files
    about = {"name": order.name, "digest": order.digest}
    run.start(host, BUILD, _packed(store, entry, script), {}, about, unit_text(order.name))


def _packed(store: Store, entry: FileEntry, script: str) -> Iterator[bytes]:
    """A tar of both. The archive's hash is held against its bytes before the tar is whole."""
    yield _header(entry.path, entry.size_bytes)
    yield from store.read(entry)
    yield bytes(-entry.size_bytes % tarfile.BLOCKSIZE)
    content = script.encode()
    yield _header("build.sh", len(content)) + content
    yield bytes(-len(content) % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)


def _header(name: str, size_bytes: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size_bytes
    return info.tobuf(tarfile.PAX_FORMAT)
