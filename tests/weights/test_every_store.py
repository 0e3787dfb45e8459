"""One suite for every store: a new kind adds its factory to STORES and passes all of this."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.weights.manifest import FileEntry, Kind, Manifest
from freehold.weights.store import CHUNK_BYTES, FolderStore, StoreError, verify

Make = Callable[[Path], FolderStore]
STORES: dict[str, Make] = {"folder": FolderStore.create}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FolderStore:
    return STORES[request.param](tmp_path / "store")


def silent(_size_bytes: int) -> None: ...


def add(store: FolderStore, tmp_path: Path, name: str, content: bytes) -> FileEntry:
    source = tmp_path / "source" / name
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(content)
    return store.add(source, name, silent)


def declared(store: FolderStore, tmp_path: Path, name: str, **files: bytes) -> Manifest:
    entries = tuple(add(store, tmp_path, path, content) for path, content in files.items())
    manifest = Manifest(Kind.WEIGHTS, name, entries[0].path, entries, {"origin": "a test"})
    store.declare(manifest)
    return manifest


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES - 1])
def test_what_was_added_is_read_back(store: FolderStore, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    entry = add(store, tmp_path, "f", content)
    assert entry == FileEntry("f", size, hashlib.sha256(content).hexdigest())
    assert b"".join(store.read(entry)) == content


def test_progress_hears_of_every_byte(store: FolderStore, tmp_path: Path) -> None:
    heard: list[int] = []
    (tmp_path / "f").write_bytes(bytes(2 * CHUNK_BYTES + 5))
    store.add(tmp_path / "f", "f", heard.append)
    assert sum(heard) == 2 * CHUNK_BYTES + 5


def test_a_set_is_found_by_its_name_and_kind(store: FolderStore, tmp_path: Path) -> None:
    one = declared(store, tmp_path, "one", a=b"1")
    two = declared(store, tmp_path, "two", a=b"2", b=b"3")
    assert store.manifest(Kind.WEIGHTS, "two") == two
    assert store.manifests(Kind.WEIGHTS) == [one, two]
    assert store.manifests(Kind.ENGINE) == []


def test_a_set_that_is_not_there_is_named_with_those_that_are(
    store: FolderStore, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="expected weights named glm, found none"):
        store.manifest(Kind.WEIGHTS, "glm")
    declared(store, tmp_path, "one", a=b"1")
    declared(store, tmp_path, "two", a=b"1")
    with pytest.raises(StoreError, match="found one, two") as caught:
        store.manifest(Kind.WEIGHTS, "glm")
    assert caught.value.problems[0].place == store.place


def test_declaring_a_name_again_replaces_its_set(store: FolderStore, tmp_path: Path) -> None:
    declared(store, tmp_path, "one", a=b"1")
    new = declared(store, tmp_path, "one", a=b"2")
    assert store.manifests(Kind.WEIGHTS) == [new]


def test_a_whole_set_passes_verification(store: FolderStore, tmp_path: Path) -> None:
    heard: list[int] = []
    verify(store, declared(store, tmp_path, "m", a=b"1", b=b"22"), heard.append)
    assert sum(heard) == 3


def test_an_add_that_is_interrupted_leaves_nothing(store: FolderStore, tmp_path: Path) -> None:
    content = os.urandom(2 * CHUNK_BYTES)
    (tmp_path / "f").write_bytes(content)

    def interrupt(_size_bytes: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add(tmp_path / "f", "f", interrupt)
    with pytest.raises(StoreError):
        list(store.read(FileEntry("f", len(content), hashlib.sha256(content).hexdigest())))
    entry = store.add(tmp_path / "f", "f", silent)
    assert b"".join(store.read(entry)) == content
