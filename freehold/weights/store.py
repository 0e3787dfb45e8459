"""A store: where the master copies are kept that you own, content-addressed by SHA-256."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from freehold.errors import FreeholdError, Problem
from freehold.weights.manifest import FileEntry, Kind, Manifest

CHUNK_BYTES = 4 << 20
ABANDONED_AFTER_S = 86_400  # a file that is being added is written to all the time


class StoreError(FreeholdError):
    """The store lacks something, or holds it damaged."""


class Store(Protocol):
    """What Freehold asks of a store."""

    @property
    def place(self) -> str:
        """How it is called in an error."""

    def manifests(self, kind: Kind) -> list[Manifest]:
        """Every set of that kind, by name."""

    def manifest(self, kind: Kind, name: str) -> Manifest:
        """The set of that name. Raises StoreError where there is none."""

    def read(self, file: FileEntry) -> Iterator[bytes]:
        """The file's bytes. Raises StoreError, at its end at last, if they are not its own."""


class FolderStore:
    """A store in a folder: `weights/NAME.json`, `engines/NAME.json` and `blobs/ab/abcd...`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not folder.is_dir():
            raise StoreError.of(
                str(folder),
                "expected the store's folder, found "
                + ("a file" if folder.exists() else "nothing"),
                "set freehold:store to it, or begin one: fab weights.put FILE --name NAME",
            )

    @classmethod
    def create(cls, folder: Path) -> FolderStore:
        """The store at `folder`, made if it is not there yet."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError.of(
                str(folder), f"expected to make the store's folder, got: {error.strerror}"
            ) from None
        return cls(folder)

    @property
    def place(self) -> str:
        """See Store.place."""
        return str(self._folder)

    def manifests(self, kind: Kind) -> list[Manifest]:
        """See Store.manifests."""
        return [_load(path) for path in sorted((self._folder / kind).glob("*.json"))]

    def manifest(self, kind: Kind, name: str) -> Manifest:
        """See Store.manifest."""
        path = self._folder / kind / f"{name}.json"
        if not path.is_file():
            there = ", ".join(sorted(p.stem for p in path.parent.glob("*.json"))) or "none"
            what = "weights" if kind is Kind.WEIGHTS else "engine"
            raise StoreError.of(
                self.place,
                f"expected {what} named {name}, found {there}",
                f"fab {what}.put PATH --name {name}",
            )
        return _load(path)

    def read(self, file: FileEntry) -> Iterator[bytes]:
        """See Store.read."""
        path = self.path_of(file)
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("rb") as source:
                while chunk := source.read(CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
                    yield chunk
        except OSError as error:
            raise StoreError.of(str(path), f"expected {file.path}, got {error.strerror}") from None
        if digest.hexdigest() != file.sha256:
            raise StoreError.of(
                str(path),
                f"{file.path} is damaged in the store\n"
                f"expected {file.size_bytes} bytes, sha256 {file.sha256}\n"
                f"found    {size} bytes, sha256 {digest.hexdigest()}",
                "put it into the store again; nothing was placed on a node",
            )

    def path_of(self, file: FileEntry) -> Path:
        """Where the file lies, for who reads a part of it; nothing is checked."""
        return self._blob(file.sha256)

    def add(self, source: Path, path: str, on_bytes: Callable[[int], None]) -> FileEntry:
        """Copy one file into the store under its hash; `on_bytes` hears of each chunk's size.

        Durable when it returns, and never there half: it is written aside, flushed, renamed.
        """
        blobs = self._folder / "blobs"
        blobs.mkdir(exist_ok=True)
        _sweep(blobs)
        digest, size = hashlib.sha256(), 0
        descriptor, name = tempfile.mkstemp(prefix=".adding-", dir=blobs)
        partial = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as target, source.open("rb") as origin:
                while chunk := origin.read(CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
                    target.write(chunk)
                    on_bytes(len(chunk))
                target.flush()
                os.fsync(target.fileno())
            blob = self._blob(digest.hexdigest())
            blob.parent.mkdir(exist_ok=True)
            partial.chmod(0o444)
            partial.replace(blob)
        except OSError as error:
            place = str(error.filename or self._folder)
            raise StoreError.of(place, f"adding {path}: {error.strerror}") from None
        finally:
            partial.unlink(missing_ok=True)
        executable = bool(source.stat().st_mode & 0o100)
        return FileEntry(
            path=path, size_bytes=size, sha256=digest.hexdigest(), executable=executable
        )

    def declare(self, manifest: Manifest) -> None:
        """Give a set its name; all of its files were added before."""
        path = self._folder / manifest.kind / f"{manifest.name}.json"
        path.parent.mkdir(exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(manifest.to_json())
        partial.replace(path)

    def _blob(self, sha256: str) -> Path:
        return self._folder / "blobs" / sha256[:2] / sha256


def _sweep(blobs: Path) -> None:
    """Remove what an `add` that was killed left long ago."""
    for partial in blobs.glob(".adding-*"):
        if time.time() - partial.stat().st_mtime > ABANDONED_AFTER_S:
            partial.unlink(missing_ok=True)


def verify(store: Store, manifest: Manifest, on_bytes: Callable[[int], None]) -> None:
    """Read every file of a set again. Raises StoreError naming every damaged one."""
    problems: list[Problem] = []
    for file in manifest.files:
        try:
            for chunk in store.read(file):
                on_bytes(len(chunk))
        except StoreError as error:
            problems += error.problems
    if problems:
        raise StoreError(problems)


def _load(path: Path) -> Manifest:
    try:
        return Manifest.of_json(path.read_bytes())
    except (ValueError, OSError) as error:
        shown = str(error).splitlines()
        raise StoreError.of(
            str(path), "\n".join(["expected a manifest, got", *shown[:5]])
        ) from None
