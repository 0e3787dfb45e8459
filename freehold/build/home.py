"""A build that has ended well: its first token, its files home, and what the store says of it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from freehold.build.on_node import BUILD
from freehold.build.order import BuildOrder
from freehold.facts.toolchain import ToolchainFacts
from freehold.hosts.host import Host, HostError
from freehold.job.results import fetch
from freehold.weights.manifest import Manifest
from freehold.weights.names import elves
from freehold.weights.put import help_of, put_engine
from freehold.weights.store import Store

_NVIDIA = ("libcudart", "libcublas")


def bring_home(
    host: Host,
    store: Store,
    order: BuildOrder,
    tools: ToolchainFacts,
    told: Mapping[str, str],
    on_lost: Callable[[str], object],
) -> Manifest:
    """Put what the node has built into the store, each file held against its hash there.

    `told` is what else its manifest says. Raises HostError where it cannot be had.
    """
    # Not /tmp, which may be in memory.
    with tempfile.TemporaryDirectory(prefix="freehold-build-", dir="/var/tmp") as folder:
        home = Path(folder) / "results"
        home.mkdir()
        fetch(host, BUILD, home, on_lost, time.sleep)
        said = {path.name: path.read_text("utf-8", "replace") for path in home.glob("said/*")}
        files = sorted(path for path in home.glob("bin/**/*") if path.is_file())
        if not files or "help" not in said:
            raise HostError.of(host.name, "expected a build's files and its --help, found none")
        for path in elves(files):
            path.chmod(0o755)
        about = {**provenance(order, tools, said, [path.name for path in files]), **told}
        help_text = help_of(f"{host.name}: {order.name}", 0, said["help"], "")
        return put_engine(
            store, home / "bin", order.name, about, _unheard, ask=lambda *_: help_text
        )


def provenance(
    order: BuildOrder, tools: ToolchainFacts, said: Mapping[str, str], names: list[str]
) -> dict[str, str]:
    """Where it comes from, as its manifest tells it."""
    source = order.source
    licences = [source.about.get("licence", "")]
    if nvidia := sorted(name for name in names if name.startswith(_NVIDIA)):
        licences.append(f"{', '.join(nvidia)} under NVIDIA's CUDA EULA")
    known = {
        "backend": str(order.backend),
        "capabilities": " ".join(order.capabilities),
        "processor": order.processor,
        "source": source.name,
        "source_digest": source.digest,
        "commit": order.commit,
        "version": _first(said.get("version", "")).removeprefix("version: "),
        "compiler": _first(said.get("compiler", "")),
        "cmake": _first(said.get("cmake", "")).removeprefix("cmake version "),
        "os": tools.os,
        "libc": tools.libc,
        "licence": "; ".join(filter(None, licences)),
        "built": datetime.now(UTC).strftime("%Y-%m-%d"),
        "build": order.digest,
        "flags": " ".join(order.words),
    }
    return {key: value for key, value in known.items() if value}


def _first(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _unheard(_size_bytes: int) -> None:
    """Of a build some 30 MB are put: no bar is needed."""
