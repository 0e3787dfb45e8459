"""Bring a set of files to a box: whole files in one stream, each proven before it has its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote

from freehold.apply.script import PRELUDE
from freehold.apply.tar import tar_stream
from freehold.hosts.command import Command
from freehold.hosts.host import Host, failure, run_or_raise
from freehold.plan.steps import SyncFileSet
from freehold.weights.manifest import PROOF, FileEntry, Manifest
from freehold.weights.store import Store

LIBRARY = PRELUDE + Path(__file__).with_name("sync.sh").read_text()


def sync(host: Host, step: SyncFileSet, store: Store, on_bytes: Callable[[int], None]) -> None:
    """Send what the box lacks of a set. `on_bytes` hears how many bytes went, chunk by chunk.

    What lies there already, in the set's folder or from an interrupted sync, is hashed on the box
    and kept where it is right. Raises StoreError where the store's copy is damaged, HostError
    where the box could not take it; either way nothing incomplete has its final name.
    """
    manifest = step.manifest
    folder = quote(manifest.node_folder)
    expected = sum_lines(manifest)
    kept = run_or_raise(
        host,
        Command(f"{LIBRARY}\nkeep {folder} <<'.'\n{expected}\n.", f"looking for {manifest.name}"),
    ).split()
    wanted = tuple(file for file in manifest.files if file.path not in kept)
    for file in manifest.files:
        if file.path in kept:
            on_bytes(file.size_bytes)

    def read(file: FileEntry) -> Iterator[bytes]:
        for chunk in store.read(file):
            on_bytes(len(chunk))
            yield chunk

    receive = Command(
        f"{LIBRARY}\nreceive {folder} {quote(PROOF)} {quote(expected)}",
        f"syncing {manifest.name}",
        takes_input=True,
    )
    done = host.run(receive, tar_stream(wanted, read))
    if done.exit_status:
        hint = "what arrived whole is kept: the next run sends the rest"
        raise failure(host.name, receive.description, done, hint)


def sum_lines(manifest: Manifest) -> str:
    """What sync.sh reads: a line `SHA256 PATH` for each file."""
    return "\n".join(f"{file.sha256} {file.path}" for file in manifest.files)
