"""Putting weights and engines into a store: what is refused, and that it is refused first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo.parts import ENGINE, WEIGHTS
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.open import create_store
from freehold.weights.put import PutError, put_engine, put_weights
from freehold.weights.store import Store
from tests.gguf.files import shard, write_model, write_shards


@pytest.fixture
def empty(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")


def silent(_size_bytes: int) -> None: ...


def put(store: Store, source: Path, name: str = "m") -> Manifest:
    return put_weights(store, source, name, {}, silent)


def refusal(store: Store, source: Path, name: str = "m") -> PutError:
    """The error; nothing of what was refused is in the store."""
    with pytest.raises(PutError) as caught:
        put(store, source, name)
    assert list(Path(store.place).rglob("*")) == []
    return caught.value


def test_the_real_parts_are_known_by_what_they_are(store: Store) -> None:
    weights, engine = store.manifest(Kind.WEIGHTS, WEIGHTS), store.manifest(Kind.ENGINE, ENGINE)
    assert weights.about["architecture"] == "llama"
    assert engine.arch == os.uname().machine
    assert "--ctx-size" in str(engine.engine_help)
    assert {file.path for file in engine.files if file.executable} >= {"llama-server"}


def test_a_single_file_is_a_set_of_its_own(empty: Store, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", general_name="A model", general_license="mit")
    manifest = put(empty, path)
    assert (manifest.entry, len(manifest.files)) == ("m.gguf", 1)
    assert manifest.about == {"architecture": "llama", "model": "A model", "licence": "mit"}
    assert empty.manifest(Kind.WEIGHTS, "m") == manifest


def test_the_shards_of_a_folder_are_a_set_that_begins_with_the_first(
    empty: Store, tmp_path: Path
) -> None:
    write_shards(tmp_path / "s", 3)
    manifest = put(empty, tmp_path / "s")
    names = [f"m-{n:05d}-of-00003.gguf" for n in (1, 2, 3)]
    assert [file.path for file in manifest.files] == names
    assert manifest.entry == names[0]
    assert manifest.about["architecture"] == "llama"


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_shard_is_noticed(empty: Store, tmp_path: Path, missing: int) -> None:
    write_shards(tmp_path / "s", 3)[missing].unlink()
    words = "expected 3 shards, as it says in split.count, found 2"
    assert words in str(refusal(empty, tmp_path / "s"))


def test_one_shard_alone_is_refused(empty: Store, tmp_path: Path) -> None:
    path = write_shards(tmp_path / "s", 3)[0]
    assert "expected 3 shards, as it says in split.count, found 1" in str(refusal(empty, path))


def test_a_count_of_shards_that_is_none_is_refused(empty: Store, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", split_count="three")
    assert "expected 'three' shards" in str(refusal(empty, path))


def test_shards_of_two_models_are_refused(empty: Store, tmp_path: Path) -> None:
    paths = write_shards(tmp_path / "s", 3)
    paths[2].write_bytes(shard(2, 3, no=2))
    assert "found 2 that are in another shard" in str(refusal(empty, tmp_path / "s"))


def test_shards_under_names_that_the_engine_would_not_find_are_refused(
    empty: Store, tmp_path: Path
) -> None:
    """llama-server makes the others' names from the first one's."""
    first, second, third = write_shards(tmp_path / "s", 3)
    third.rename(third.with_name("n.gguf"))
    error = refusal(empty, tmp_path / "s")
    assert [Path(problem.place).name for problem in error.problems] == ["n.gguf"]
    for number, path in enumerate((first, second, third.with_name("n.gguf")), 1):
        path.rename(path.with_name(f"m-{number}-of-3.gguf"))
    error = refusal(empty, tmp_path / "s")
    assert [Path(problem.place).name for problem in error.problems] == [
        f"m-{number}-of-3.gguf" for number in (1, 2, 3)
    ]
    assert "expected NAME-00001-of-00003.gguf and so on" in str(error)


def test_every_bad_file_of_a_folder_is_named(empty: Store, tmp_path: Path) -> None:
    write_model(tmp_path / "s/a.gguf", split_count=3)
    cut = write_model(tmp_path / "s/b.gguf", split_count=3)
    cut.write_bytes(cut.read_bytes()[:-1])
    (tmp_path / "s/c.gguf").write_text("<!DOCTYPE html>")
    error = refusal(empty, tmp_path / "s")
    assert [Path(problem.place).name for problem in error.problems] == ["b.gguf", "c.gguf"]
    assert "cut short" in error.problems[0].message
    assert "expected a GGUF file, found one that begins b'<!DO'" in error.problems[1].message


@pytest.mark.parametrize("name", ["nothing", "an empty folder"])
def test_a_source_without_any_gguf_is_refused(empty: Store, tmp_path: Path, name: str) -> None:
    (tmp_path / "an empty folder").mkdir()
    assert "expected a GGUF file, or a folder with some" in str(refusal(empty, tmp_path / name))


def test_names_that_a_box_could_not_carry_are_refused_before_anything_is_copied(
    empty: Store, tmp_path: Path
) -> None:
    path = write_model(tmp_path / "my model.gguf")
    error = refusal(empty, path, name="My Model")
    assert [problem.place for problem in error.problems] == ["--name", str(path)]
    assert 'got "My Model"' in error.problems[0].message


def engine_folder(tmp_path: Path, script: str | None) -> Path:
    folder = tmp_path / "build"
    folder.mkdir()
    if script is not None:
        (folder / "llama-server").write_text(f"#!/bin/sh\n{script}\n")
    return folder


ENGINES = {
    "no llama-server": (None, "expected a folder with llama-server"),
    "one that dies": ("echo no such library >&2; exit 127", "got exit 127\n  no such library"),
    "one that is killed": ("kill -ILL $$", "got exit -4"),
    "another program": ("echo usage: tool", "expected its --help, got exit 0"),
}


@pytest.mark.parametrize("what", ENGINES)
def test_an_engine_that_does_not_say_its_help_is_refused(
    empty: Store, tmp_path: Path, what: str
) -> None:
    script, words = ENGINES[what]
    with pytest.raises(PutError) as caught:
        put_engine(empty, engine_folder(tmp_path, script), "e", {}, silent)
    assert words in str(caught.value)
    assert list(Path(empty.place).rglob("*")) == []


def test_an_engine_of_another_kind_of_processor_is_refused(empty: Store, tmp_path: Path) -> None:
    folder = engine_folder(tmp_path, None)
    # An ELF header of no processor at all (e_machine 0xffff).
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xff\xff" + bytes(44)
    (folder / "llama-server").write_bytes(elf)
    with pytest.raises(PutError) as caught:
        put_engine(empty, folder, "e", {}, silent)
    assert "Exec format error" in str(caught.value)
    assert "from a machine of the build's own kind" in str(caught.value)


def test_an_engine_without_its_mode_bits_is_put_as_a_program(empty: Store, tmp_path: Path) -> None:
    folder = engine_folder(tmp_path, "echo --model FILE")
    (folder / "libx.so").write_bytes(b"x")
    (folder / "llama-server").chmod(0o644)
    manifest = put_engine(empty, folder, "e", {"licence": "mit"}, silent)
    assert {file.path: file.executable for file in manifest.files} == {
        "libx.so": False,
        "llama-server": True,
    }
    assert manifest.about == {"arch": os.uname().machine, "licence": "mit"}
    assert manifest.engine_help == "--model FILE\n"
