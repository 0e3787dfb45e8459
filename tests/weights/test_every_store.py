"""One suite for every store: what is put is there, whole or not at all, and can be told wrong."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from freehold.agent.merkle import piece_bytes_of
from freehold.weights.manifest import FileEntry, Kind, Manifest
from freehold.weights.objects import CHUNK_BYTES, StoreError, TakenError
from freehold.weights.store import Store, blob_name, layer_name, set_name, verify
from tests.weights.sets import add, declared, silent

PIECE = piece_bytes_of(0)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES - 1])
def test_what_was_added_is_read_back(any_store: Store, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    entry = add(any_store, tmp_path, "f", content)
    assert (entry.size_bytes, entry.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert b"".join(any_store.read(entry)) == content


def test_any_part_of_a_file_is_read_alone(any_store: Store, tmp_path: Path) -> None:
    content = os.urandom(CHUNK_BYTES + 1000)
    entry = add(any_store, tmp_path, "f", content)
    size = len(content)
    for offset, count in [
        (0, 1),
        (0, 0),
        (7, CHUNK_BYTES),
        (size - 1, 1),
        (size - 5, 9),
        (size, 4),
    ]:
        got = b"".join(any_store.stream(entry, offset, count))
        assert got == content[offset : offset + count], (offset, count)
    assert b"".join(any_store.stream(entry, 999)) == content[999:]


def test_a_reader_may_stop_at_any_time(any_store: Store, tmp_path: Path) -> None:
    entry = add(any_store, tmp_path, "f", os.urandom(3 * CHUNK_BYTES))
    stream = any_store.stream(entry)
    assert next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert sum(map(len, any_store.read(entry))) == 3 * CHUNK_BYTES


def test_progress_hears_of_every_byte_also_of_what_was_there(
    any_store: Store, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(bytes(2 * CHUNK_BYTES + 5))
    for _ in range(2):
        heard: list[int] = []
        any_store.add(tmp_path / "f", "f", heard.append)
        assert sum(heard) == 2 * CHUNK_BYTES + 5


def test_a_file_of_ours_may_be_moved_into_the_store(any_store: Store, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(b"content")
    entry = any_store.add(mine, "f", silent, is_mine=True)
    assert b"".join(any_store.read(entry)) == b"content"


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 3 * PIECE + 5])
def test_the_hashes_of_a_files_pieces_are_kept(any_store: Store, tmp_path: Path, size: int) -> None:
    entry = add(any_store, tmp_path, "f", os.urandom(size))
    assert len(any_store.layer(entry)) == 32 * -(-size // PIECE)


def test_hashes_of_pieces_that_lie_are_refused(any_store: Store, tmp_path: Path) -> None:
    entry = add(any_store, tmp_path, "f", os.urandom(PIECE + 1))
    name, good = layer_name(entry.pieces_root), any_store.layer(entry)
    for lie in (good[:32], good + bytes(32), good[32:] + good[:32], b"", bytes(64)):
        any_store.objects.put(name, lie)
        with pytest.raises(StoreError, match="the hashes of f's pieces are damaged") as caught:
            any_store.layer(entry)
        assert caught.value.problems[0].place == f"{any_store.place}/{name}"
    add(any_store, tmp_path, "f", b"".join(any_store.read(entry)))
    assert any_store.layer(entry) == good


def test_a_set_is_found_by_its_name_and_kind(any_store: Store, tmp_path: Path) -> None:
    one = declared(any_store, tmp_path, "one", a=b"1")
    two = declared(any_store, tmp_path, "two", a=b"2", b=b"3")
    assert any_store.manifest(Kind.WEIGHTS, "two") == two
    assert any_store.manifests(Kind.WEIGHTS) == [one, two]
    assert any_store.manifests(Kind.ENGINE) == []


def test_a_set_that_is_not_there_is_named_with_those_that_are(
    any_store: Store, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="expected weights named glm, found none"):
        any_store.manifest(Kind.WEIGHTS, "glm")
    declared(any_store, tmp_path, "one", a=b"1")
    declared(any_store, tmp_path, "two", a=b"1")
    with pytest.raises(StoreError, match="found one, two") as caught:
        any_store.manifest(Kind.WEIGHTS, "../glm")
    assert caught.value.problems[0].place == any_store.place


def test_declaring_a_name_again_replaces_its_set(any_store: Store, tmp_path: Path) -> None:
    declared(any_store, tmp_path, "one", a=b"1")
    new = declared(any_store, tmp_path, "one", a=b"2")
    assert any_store.manifests(Kind.WEIGHTS) == [new]


def test_a_set_with_a_file_that_was_never_added_is_not_declared(
    any_store: Store, tmp_path: Path
) -> None:
    there = add(any_store, tmp_path, "a", b"1")
    missing = FileEntry("b", 1, "b" * 64, "b" * 64)
    with pytest.raises(StoreError, match="expected b, found nothing"):
        any_store.declare(Manifest(Kind.WEIGHTS, "m", "a", (there, missing)))
    assert any_store.manifests(Kind.WEIGHTS) == []


def test_a_manifest_under_another_name_is_refused(any_store: Store, tmp_path: Path) -> None:
    one = declared(any_store, tmp_path, "one", a=b"1")
    any_store.objects.put(set_name(Kind.WEIGHTS, "two"), one.to_json().encode())
    with pytest.raises(StoreError, match="expected weights two, got weights one"):
        any_store.manifest(Kind.WEIGHTS, "two")


def test_a_whole_set_passes_verification(any_store: Store, tmp_path: Path) -> None:
    heard: list[int] = []
    verify(any_store, declared(any_store, tmp_path, "m", a=b"1", b=b"22"), heard.append)
    assert sum(heard) == 3


def test_what_is_damaged_or_lost_is_named_and_mended_by_putting_it_again(
    any_store: Store, tmp_path: Path
) -> None:
    made = declared(any_store, tmp_path, "m", a=b"11", b=b"22", c=b"33")
    a, _, c = (blob_name(file.sha256) for file in made.files)
    any_store.objects.put(a, b"12")
    any_store.objects.delete(c)
    with pytest.raises(StoreError) as caught:
        verify(any_store, made, silent)
    found = [(problem.place, problem.message.splitlines()[0]) for problem in caught.value.problems]
    assert found == [
        (f"{any_store.place}/{a}", "a is damaged in the store"),
        (f"{any_store.place}/{c}", "c: expected it in the store, found nothing"),
    ]
    declared(any_store, tmp_path, "m", a=b"11", b=b"22", c=b"33")
    verify(any_store, made, silent)


def test_an_add_that_is_interrupted_leaves_nothing(any_store: Store, tmp_path: Path) -> None:
    content = os.urandom(2 * CHUNK_BYTES)
    (tmp_path / "f").write_bytes(content)
    heard = 0

    def interrupt(size_bytes: int) -> None:
        nonlocal heard
        heard += size_bytes
        if heard > len(content) // 2:  # the first half is for hashing
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        any_store.add(tmp_path / "f", "f", interrupt)
    assert any_store.objects.names("blobs/") == []
    entry = any_store.add(tmp_path / "f", "f", silent)
    assert b"".join(any_store.read(entry)) == content


def test_two_may_put_the_same_file_at_once(any_store: Store, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(os.urandom(CHUNK_BYTES + 7))
    with ThreadPoolExecutor(4) as pool:
        same = list(pool.map(lambda _: any_store.add(tmp_path / "f", "f", silent), range(4)))
    assert len(set(same)) == 1
    assert any_store.objects.names("blobs/") == [blob_name(same[0].sha256)]
    assert b"".join(any_store.read(same[0])) == (tmp_path / "f").read_bytes()


def test_a_file_that_is_not_what_was_said_is_not_put(any_store: Store, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"changed since it was hashed")
    with pytest.raises(StoreError):
        any_store.objects.put_file("blobs/ab/x", tmp_path / "f", "a" * 64, silent)
    assert any_store.objects.names("") == []


def test_a_source_that_is_not_there_is_named(any_store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"{tmp_path}/gone: .*No such file"):
        any_store.add(tmp_path / "gone", "gone", silent)


def test_objects_are_listed_by_prefix_with_size_and_age(any_store: Store) -> None:
    objects = any_store.objects
    for name in ("custody/2", "custody/10", "custody.txt", "weights/a.json"):
        objects.put(name, name.encode())
    assert objects.names("custody") == ["custody.txt", "custody/10", "custody/2"]
    assert objects.names("custody/1") == ["custody/10"]
    assert objects.names("nothing/") == []
    (listed,) = objects.listed("weights/")
    assert (listed.name, listed.size_bytes) == ("weights/a.json", 14)
    assert -5 < listed.age_s < 60
    objects.delete("custody/2")
    objects.delete("custody/2")
    assert objects.names("custody/") == ["custody/10"]
    assert (objects.size_bytes("custody/10"), objects.size_bytes("custody/2")) == (10, None)


def test_a_new_name_is_given_once(any_store: Store) -> None:
    objects = any_store.objects
    objects.put("custody/1", b"first", is_new=True)
    for content in (b"first", b"second"):
        with pytest.raises(TakenError) as caught:
            objects.put("custody/1", content, is_new=True)
        assert caught.value.problems[0].place.startswith(f"{any_store.place}/custody/1")
    assert b"".join(objects.stream("custody/1")) == b"first"


def test_of_many_who_want_a_new_name_one_gets_it(any_store: Store) -> None:
    def put(number: int) -> bool:
        try:
            any_store.objects.put("custody/1", b"%d" % number, is_new=True)
        except TakenError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(put, range(6))) == 1


TRICKS = ["../x", "/etc/passwd", "a/../../x", "", ".hidden", "a//b", "a/", "a b", "a\nb", "a/.b",
          "$(id)", "a" * 300, "ä"]  # fmt: skip


@pytest.mark.parametrize("name", TRICKS)
def test_a_name_that_could_lead_elsewhere_is_refused(
    any_store: Store, tmp_path: Path, name: str
) -> None:
    objects = any_store.objects
    (tmp_path / "f").write_bytes(b"")
    for refused in (
        lambda: objects.put(name, b"x"),
        lambda: objects.put_file(name, tmp_path / "f", "0" * 64, silent),
        lambda: list(objects.stream(name)),
        lambda: objects.size_bytes(name),
        lambda: objects.delete(name),
        lambda: objects.local_path(name) or objects.url(name, 60) or objects.size_bytes(name),
    ):
        with pytest.raises(StoreError, match="expected an object's name"):
            refused()


def test_a_manifest_of_an_earlier_freehold_says_what_to_do(
    any_store: Store, tmp_path: Path
) -> None:
    made = declared(any_store, tmp_path, "m", a=b"1")
    text = made.to_json()
    earlier = text.replace(f'"pieces_root": "{made.files[0].pieces_root}",', "")
    assert earlier != text
    any_store.objects.put(set_name(Kind.WEIGHTS, "m"), earlier.encode())
    with pytest.raises(StoreError, match="got one of an earlier Freehold") as caught:
        any_store.manifest(Kind.WEIGHTS, "m")
    assert "fab weights.put PATH --name m" in str(caught.value)
