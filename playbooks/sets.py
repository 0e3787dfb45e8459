"""What the tasks over sets share: which store, what is known, how sets are listed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.store import FolderStore, Store
from playbooks.nodes import stack
from playbooks.options import about_of
from playbooks.progress import bar


def store_of(option: str) -> Path:
    """The folder of --store, else the selected stack's."""
    return Path(option).expanduser() if option else stack().store


def put_set(put: Callable[..., Manifest], path: str, name: str, store: str, about: str) -> None:
    """Put what lies at `path` into the store by `put`, with its progress, and say what it is."""
    source = Path(path).expanduser()
    with bar(f"putting {name}", size_of(source)) as on_bytes:
        into = FolderStore.create(store_of(store))
        manifest = put(into, source, name, about_of(about), on_bytes)
    print(f"{name}: {len(manifest.files)} files, {manifest.size_bytes:,} bytes, {manifest.digest}")


def size_of(source: Path) -> int:
    """Bytes of a file, or of all in a folder."""
    if not source.exists():
        raise FreeholdError.of(str(source), "expected a file or a folder, found nothing")
    files = [source] if source.is_file() else [p for p in source.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)


def print_sets(store: Store, kind: Kind, as_json: bool) -> None:
    """A line a set, or all that is known of each."""
    manifests = store.manifests(kind)
    if as_json:
        shown = [dataclasses.asdict(dataclasses.replace(m, engine_help=None)) for m in manifests]
        print(json.dumps(shown, indent=2))
        return
    for manifest in manifests:
        about = ", ".join(f"{key} {value}" for key, value in manifest.about.items())
        print(f"{manifest.name}  {manifest.size_bytes:,} bytes  {manifest.digest[:12]}  {about}")
    if not manifests:
        print(f"{store.place}: no {kind} yet")
