"""What is moved: random bytes, which nothing can compress, as shards in a store of their own."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from freehold.weights.manifest import Kind, Manifest
from freehold.weights.open import create_store
from freehold.weights.store import Store

BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class Cargo:
    """A set in the store at the location `store`, and the same files by their names in `plain`.

    `sha256_of_all` is that of all files one after the other.
    """

    manifest: Manifest
    store: str
    plain: Path
    sha256_of_all: str

    @property
    def size_gib(self) -> float:
        """Of all files together."""
        return self.manifest.size_bytes / (1 << 30)

    @property
    def paths(self) -> list[Path]:
        """The files of `plain`, in the manifest's order."""
        return [self.plain / file.path for file in self.manifest.files]


def copied(cargo: Cargo, location: str) -> Cargo:
    """The same in another store, which is made."""
    store = create_store(location)
    for path in cargo.paths:
        store.add(path, path.name, lambda _size_bytes: None)
    store.declare(cargo.manifest)
    return dataclasses.replace(cargo, store=location)


def make_cargo(folder: Path, name: str, size_bytes: int, count: int) -> Cargo:
    """`count` shards, together of `size_bytes`, in the store at `folder`/store."""
    store: Store = create_store(folder / "store")
    plain = folder / f"{name}-plain"
    plain.mkdir()
    files = []
    whole = hashlib.sha256()
    for number in range(1, count + 1):
        path = plain / f"{name}-{number:05d}-of-{count:05d}.gguf"
        with path.open("wb") as shard:
            left = size_bytes // count
            while left:
                block = os.urandom(min(left, BLOCK_BYTES))
                whole.update(block)
                shard.write(block)
                left -= len(block)
        files.append(store.add(path, path.name, lambda _size_bytes: None))
        blob = store.path_of(files[-1])
        assert blob is not None  # noqa: S101 - a store in a folder
        path.unlink()
        path.hardlink_to(blob)  # one copy on the disk, and in its cache
    manifest = Manifest(Kind.WEIGHTS, name, files[0].path, tuple(files))
    store.declare(manifest)
    return Cargo(manifest, str(folder / "store"), plain, whole.hexdigest())
