"""The header of a set that is in the store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo.parts import ENGINE, WEIGHTS
from freehold.gguf.error import GgufError
from freehold.weights.header import header_of
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.open import create_store
from freehold.weights.put import put_weights
from freehold.weights.store import Store
from tests.gguf.files import write_shards


@pytest.fixture
def own(tmp_path: Path) -> tuple[Store, Manifest]:
    """A store with a model of three shards."""
    shards = tmp_path / "shards"
    write_shards(shards, 3)
    store = create_store(tmp_path / "store")
    return store, put_weights(store, shards, "three", {}, lambda _size: None)


def test_the_real_model_is_read(store: Store) -> None:
    header = header_of(store, store.manifest(Kind.WEIGHTS, WEIGHTS))
    assert (header.architecture, header.key("block_count"), len(header.tensors)) == (
        "llama",
        30,
        272,
    )
    assert header.place == f"{WEIGHTS}/SmolLM2-135M-Instruct.Q4_1.gguf"


def test_the_shards_of_a_set_are_read_together(own: tuple[Store, Manifest]) -> None:
    header = header_of(*own)
    assert len(header.tensors) == 4
    assert [shard.place for shard in header.shards] == [
        f"three/m-{n:05d}-of-00003.gguf" for n in (1, 2, 3)
    ]


def test_what_the_store_has_lost_is_named_as_the_sets_file(
    own: tuple[Store, Manifest],
) -> None:
    store, manifest = own
    store.path_of(manifest.files[0]).unlink()
    cut = store.path_of(manifest.files[2])
    cut.chmod(0o600)
    os.truncate(cut, 100)
    with pytest.raises(GgufError) as caught:
        header_of(store, manifest)
    assert [problem.place for problem in caught.value.problems] == [
        "three/m-00001-of-00003.gguf",
        "three/m-00003-of-00003.gguf",
    ]


def test_a_set_without_a_model_is_refused(store: Store) -> None:
    with pytest.raises(GgufError, match=f"{ENGINE}: expected a set with GGUF files"):
        header_of(store, store.manifest(Kind.ENGINE, ENGINE))
