"""What no set names any more, in every store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from freehold.agent.merkle import piece_bytes_of
from freehold.weights.gc import collect, garbage, remove_set
from freehold.weights.manifest import Kind
from freehold.weights.objects import StoreError
from freehold.weights.store import Store, blob_name, layer_name, verify
from tests.weights.sets import add, declared, silent

NO_AGE = -60.0
LONG = piece_bytes_of(0) + 1
"""Bytes of a file of two pieces, whose hashes are an object of their own."""


def test_what_only_a_removed_set_named_is_found_and_goes(any_store: Store, tmp_path: Path) -> None:
    own, shared = os.urandom(LONG), os.urandom(LONG)
    going = declared(any_store, tmp_path, "going", a=own, b=shared)
    staying = declared(any_store, tmp_path, "staying", c=shared)
    assert garbage(any_store, NO_AGE) == []
    assert remove_set(any_store, Kind.WEIGHTS, "going") == going
    file = going.files[0]
    wanted = [blob_name(file.sha256), layer_name(file.pieces_root)]
    assert [each.name for each in garbage(any_store, NO_AGE)] == wanted
    assert [each.size_bytes for each in collect(any_store, NO_AGE)] == [LONG, 64]
    assert garbage(any_store, NO_AGE) == []
    assert [each.name for each in any_store.manifests(Kind.WEIGHTS)] == ["staying"]
    verify(any_store, staying, silent)


def test_what_is_younger_than_a_day_may_be_a_put_under_way(
    any_store: Store, tmp_path: Path
) -> None:
    entry = add(any_store, tmp_path, "a", b"content")
    assert collect(any_store) == []
    assert b"".join(any_store.read(entry)) == b"content"


def test_a_set_that_cannot_be_read_keeps_everything(any_store: Store, tmp_path: Path) -> None:
    declared(any_store, tmp_path, "m", a=b"content")
    for name in ("weights/m.json", "engines/Strange.json", "weights/other"):
        any_store.objects.put(name, b"{")
        with pytest.raises(StoreError, match="expected"):
            collect(any_store, NO_AGE)
        any_store.objects.delete(name)
        declared(any_store, tmp_path, "m", a=b"content")
    assert len(any_store.objects.names("blobs/")) == 1


def test_only_files_and_hashes_of_pieces_are_ever_removed(any_store: Store) -> None:
    for name in ("custody/000000001.json", "measured/x.json", "notes"):
        any_store.objects.put(name, b"x")
    assert collect(any_store, NO_AGE) == []


def test_a_signature_goes_with_its_set(any_store: Store, tmp_path: Path) -> None:
    declared(any_store, tmp_path, "m", a=b"content")
    any_store.objects.put("weights/m.json.sig", b"signature")
    assert garbage(any_store, NO_AGE) == []
    remove_set(any_store, Kind.WEIGHTS, "m")
    assert any_store.objects.names("weights/") == []


def test_a_set_that_is_not_there_cannot_be_removed(any_store: Store) -> None:
    with pytest.raises(StoreError, match="expected weights named m, found none"):
        remove_set(any_store, Kind.WEIGHTS, "m")


def test_a_file_that_is_put_again_counts_as_new(folder_store: Store, tmp_path: Path) -> None:
    entry = add(folder_store, tmp_path, "a", b"content")
    path = folder_store.path_of(entry)
    assert path is not None
    os.utime(path, (0, 0))
    assert len(garbage(folder_store)) == 1
    add(folder_store, tmp_path, "a", b"content")
    assert garbage(folder_store) == []
