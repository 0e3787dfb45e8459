"""What tests put into stores."""

from __future__ import annotations

from pathlib import Path

from freehold.weights.manifest import FileEntry, Kind, Manifest
from freehold.weights.store import Store


def silent(_size_bytes: int) -> None: ...


def add(store: Store, tmp_path: Path, name: str, content: bytes) -> FileEntry:
    source = tmp_path / "source" / name
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(content)
    return store.add(source, name, silent)


def declared(store: Store, tmp_path: Path, name: str, **files: bytes) -> Manifest:
    entries = tuple(add(store, tmp_path, path, content) for path, content in files.items())
    manifest = Manifest(Kind.WEIGHTS, name, entries[0].path, entries, {"origin": "a test"})
    store.declare(manifest)
    return manifest
