"""Our own legs: the library as `fab weights.sync` uses it, in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.cargo import Cargo
from bench.wire import Wire
from freehold.apply.converge import converge
from freehold.apply.fanout import Fanout
from freehold.apply.heard import Unheard
from freehold.apply.syncing import Syncing
from freehold.errors import FreeholdError
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.lab import Box
from freehold.plan.fileset import FileSet
from freehold.weights.manifest import Kind
from freehold.weights.open import open_store


@dataclass(frozen=True)
class Ours:
    """`way`: "push" from a store in a folder, "pull" from a bucket, or "swarm" to several boxes."""

    way: str
    proves = "sha256, read back"

    @property
    def name(self) -> str:
        """See Leg.name."""
        return f"ours, {self.way}"

    def argv(self, cargo: Cargo, wire: Wire, boxes: Sequence[Box]) -> Sequence[str]:
        """See Leg.argv."""
        told = [self.way, cargo.store, cargo.manifest.name, str(wire.ssh_config)]
        return [sys.executable, "-m", "bench.legs_ours", *told, *(box.name for box in boxes)]

    def folder(self, cargo: Cargo) -> str:
        """See Leg.folder."""
        return cargo.manifest.node_folder


def main(way: str, location: str, name: str, ssh_config: str, boxes: list[str]) -> None:
    """All boxes at once; the first error ends with its own words."""
    store = open_store(location)
    manifest = store.manifest(Kind.WEIGHTS, name)
    heard = _Undisturbed()
    syncing = Syncing(lambda _step: heard, fanout=Fanout() if way == "swarm" else None)

    def one(box: str) -> None:
        with closing(SshHost(box, box, SshSettings(Path(ssh_config)))) as host:
            converge(host, [FileSet(manifest)], store, syncing)

    with ThreadPoolExecutor(len(boxes)) as pool:
        list(pool.map(one, boxes))
    if heard.lines:
        raise FreeholdError.of(f"ours, {way}", "\n".join(heard.lines))


class _Undisturbed(Unheard):
    """A leg that gave way to another, or had to begin again, is not the one to be measured."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def told(self, text: str) -> None:
        """See Heard.told."""
        self.lines.append(text)


if __name__ == "__main__":
    way, location, name, ssh_config, *boxes = sys.argv[1:]
    try:
        main(way, location, name, ssh_config, boxes)
    except FreeholdError as error:
        sys.exit(str(error))
