"""A store kept in order by `fab`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.weights.manifest import Kind
from freehold.weights.open import create_store
from freehold.weights.s3_client import bucket_client
from freehold.weights.store import Store
from tests.bucket_server import BucketServer, bucket_server
from tests.playbooks.conftest import Fab
from tests.weights.sets import declared


@pytest.fixture
def own(tmp_path: Path) -> Store:
    """A folder's store with a set that was put long ago."""
    store = create_store(tmp_path / "store")
    (file,) = declared(store, tmp_path, "m", a=b"content").files
    path = store.path_of(file)
    assert path is not None
    os.utime(path, (0, 0))
    return store


@pytest.fixture
def buckets(tmp_path: Path) -> Iterator[BucketServer]:
    with bucket_server(tmp_path / "s3") as server:
        yield server


def test_a_set_is_removed_written_down_and_its_files_collected(fab: Fab, own: Store) -> None:
    to = ("--store", own.place)
    assert "0 objects that no set names" in fab("weights.gc", *to).must().out
    assert "m: removed" in fab("weights.remove", "m", *to).must().out
    assert own.manifests(Kind.WEIGHTS) == []
    assert "m" in fab("weights.where", *to).must().out
    listed = fab("weights.gc", "--dry-run", *to).must()
    assert "1 objects that no set names, 7 bytes" in listed.out
    assert len(own.objects.names("blobs/")) == 1
    assert "7 bytes, removed" in fab("weights.gc", *to).must().out
    assert own.objects.names("blobs/") == []


@pytest.mark.parametrize("task", ["weights.remove", "engine.remove"])
def test_a_set_that_is_not_there_is_an_error(fab: Fab, own: Store, task: str) -> None:
    refused = fab(task, "other", "--store", own.place).must(1)
    assert "named other, found" in refused.err
    assert len(own.manifests(Kind.WEIGHTS)) == 1


def test_a_location_that_is_none_is_an_error(fab: Fab) -> None:
    refused = fab("weights.list", "--store", "gs://bucket/x").must(1)
    assert "gs://bucket/x: expected a store: a folder, ssh://HOST/FOLDER or s3://" in refused.err


def test_only_a_bucket_is_looked_at_as_one(fab: Fab, own: Store) -> None:
    refused = fab("weights.bucket", "--store", own.place).must(1)
    assert "expected a store in a bucket" in refused.err


def test_a_bucket_is_guarded_and_what_its_server_cannot_do_is_said(
    fab: Fab, buckets: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in buckets.environment.items():
        monkeypatch.setenv(name, value)
    bucket_client().create_bucket(Bucket="weights")
    to = ("--store", "s3://weights/x")
    before = fab("weights.bucket", *to).must(1).err
    assert "versioning: expected Enabled" in before
    after = fab("weights.bucket", "--guard", *to).must(1).err
    assert "versioning" not in after
    assert "public access is blocked: could not be set, the server says" in after
