"""What the tasks over sets share: which store, what is known, how sets are listed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from freehold.custody.event import Act
from freehold.custody.intake import take_in
from freehold.errors import FreeholdError
from freehold.hosts.ssh_config import SshSettings
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.open import create_store, open_store
from freehold.weights.store import Store
from playbooks.nodes import stack
from playbooks.owner import owner_of
from playbooks.progress import bar

LONG = 60  # hashes, and the flags of a build: --json has them


def store_of(option: str) -> Store:
    """The store of --store, else the selected stack's."""
    return open_store(*_location(option))


def new_store_of(option: str) -> Store:
    """The same, made if it is not there yet."""
    return create_store(*_location(option))


def _location(option: str) -> tuple[str, SshSettings]:
    if option:
        return option, SshSettings()
    spec = stack()
    return spec.store, SshSettings(spec.ssh.config, spec.ssh.connect_timeout_s)


def put_set(
    put: Callable[..., Manifest],
    path: str | Path,
    name: str,
    store: str,
    about: Mapping[str, str],
    owner: str,
    origin: str = "",
) -> None:
    """Put what lies at `path` into the store by `put`, signed by its owner, and say what it is.

    The ledger has where it came from: `origin`, or that path.
    """
    source, by = Path(path).expanduser(), owner_of(owner, store)
    with bar(f"putting {name}", size_of(source)) as on_bytes:
        into = new_store_of(store)
        manifest = put(into, source, name, about, on_bytes)
    take_in(into, manifest, Act.PUT, by, source=origin or str(source.absolute()))
    print(f"{name}: {len(manifest.files)} files, {manifest.size_bytes:,} bytes, {manifest.digest}")


def size_of(source: Path) -> int:
    """Bytes of a file, or of all in a folder."""
    if not source.exists():
        raise FreeholdError.of(str(source), "expected a file or a folder, found nothing")
    files = [source] if source.is_file() else [p for p in source.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)


def print_sets(store: Store, kind: Kind, as_json: bool) -> None:
    """A line a set, without what is long, or all that is known of each."""
    manifests = store.manifests(kind)
    if as_json:
        shown = [dataclasses.asdict(dataclasses.replace(m, engine_help=None)) for m in manifests]
        print(json.dumps(shown, indent=2))
        return
    for manifest in manifests:
        told = {key: value for key, value in manifest.about.items() if len(value) < LONG}
        about = ", ".join(f"{key} {value}" for key, value in told.items())
        print(f"{manifest.name}  {manifest.size_bytes:,} bytes  {manifest.digest[:12]}  {about}")
    if not manifests:
        print(f"{store.place}: no {kind} yet")
