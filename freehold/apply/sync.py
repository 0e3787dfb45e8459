"""Bring a set of files to a box: whole files in one stream, each proven before it has its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote

from freehold.apply.script import PRELUDE
from freehold.apply.tar import tar_stream
from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, run_or_raise
from freehold.plan.steps import SyncFileSet
from freehold.weights.manifest import PROOF, FileEntry
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
    expected = "\n".join(f"{file.sha256} {file.path}" for file in manifest.files)
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
        shown = (done.stderr.strip() or done.stdout.strip()).splitlines()[-10:]
        raise HostError.of(
            host.name,
            "\n".join([f"{receive.description}: exit {done.exit_status}", *shown]),
            "what arrived whole is kept: the next run sends the rest",
        )
