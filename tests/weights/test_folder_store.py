"""A store in a folder: what it looks like on the disk, and what happens when that is damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from freehold.weights.manifest import FileEntry, Kind, Manifest
from freehold.weights.objects import StoreError
from freehold.weights.open import create_store, open_store
from freehold.weights.store import verify
from tests.deadline import in_time

KILLED = """
import os, sys
from pathlib import Path
from freehold.weights.open import create_store

heard = 0
def killed(size_bytes):
    global heard
    heard += size_bytes
    if heard > 5 << 20:  # of 9 MiB: the first half is for hashing
        print("copied a chunk", flush=True)
        sys.stdin.read()

create_store(Path(sys.argv[1])).add(Path(sys.argv[2]), "f", killed)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def manifest(folder: Path, tmp_path: Path) -> Manifest:
    store = create_store(folder)
    (tmp_path / "f").write_bytes(b"content of f")
    (tmp_path / "g").write_bytes(b"content of g")
    files = tuple(store.add(tmp_path / name, name, lambda _size: None) for name in "fg")
    made = Manifest(Kind.WEIGHTS, "m", "f", files)
    store.declare(made)
    return made


def blob(folder: Path, file: FileEntry) -> Path:
    return folder / "blobs" / file.sha256[:2] / file.sha256


def test_a_file_lies_under_its_hash_and_is_read_only(folder: Path, manifest: Manifest) -> None:
    path = blob(folder, manifest.files[0])
    assert path.read_bytes() == b"content of f"
    assert path.stat().st_mode & 0o777 == 0o444
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert names == {"m.json", *(file.sha256 for file in manifest.files)}


@pytest.mark.parametrize("what", ["nothing", "a file"])
def test_a_store_that_is_not_there_says_so_and_how_to_begin_one(tmp_path: Path, what: str) -> None:
    if what == "a file":
        (tmp_path / "store").touch()
    with pytest.raises(StoreError) as caught:
        open_store(tmp_path / "store")
    assert f"expected the store's folder, found {what}" in str(caught.value)
    assert "fab weights.put" in str(caught.value)


@pytest.mark.parametrize("damage", [b"content of F", b"content of", b"content of f and more", b""])
def test_a_damaged_file_is_named_with_both_hashes(
    folder: Path, manifest: Manifest, damage: bytes
) -> None:
    path = blob(folder, manifest.files[0])
    path.unlink()
    path.write_bytes(damage)
    with pytest.raises(StoreError, match="f is damaged in the store") as caught:
        list(open_store(folder).read(manifest.files[0]))
    assert manifest.files[0].sha256 in str(caught.value)
    assert f"found    {len(damage)} bytes" in str(caught.value)


def test_verification_names_every_damaged_file(folder: Path, manifest: Manifest) -> None:
    blob(folder, manifest.files[0]).unlink()
    blob(folder, manifest.files[1]).chmod(0o644)
    blob(folder, manifest.files[1]).write_bytes(b"?")
    with pytest.raises(StoreError) as caught:
        verify(open_store(folder), manifest, lambda _size: None)
    assert [Path(problem.place) for problem in caught.value.problems] == [
        blob(folder, file) for file in manifest.files
    ]


def test_a_damaged_file_is_mended_by_putting_it_again(
    folder: Path, manifest: Manifest, tmp_path: Path
) -> None:
    path = blob(folder, manifest.files[0])
    path.chmod(0o644)
    path.write_bytes(b"?")
    open_store(folder).add(tmp_path / "f", "f", lambda _size: None)
    verify(open_store(folder), manifest, lambda _size: None)


GOOD_FILE = {"path": "f", "size_bytes": 0, "sha256": "0" * 64}
BAD_MANIFESTS: dict[str, str | dict[str, object]] = {
    "nothing": "",
    "no JSON": "{",
    "a list": "[]",
    "a key too many": {"colour": "red"},
    "another kind": {"kind": "songs"},
    "an entry that is not there": {"entry": "h"},
    "a path that leads elsewhere": {
        "files": [{"path": "../x", "size_bytes": 0, "sha256": "0" * 64}]
    },
    "a hash that is none": {"files": [{"path": "f", "size_bytes": 0, "sha256": "?"}]},
    "a negative size": {"files": [{"path": "f", "size_bytes": -1, "sha256": "0" * 64}]},
}


@pytest.mark.parametrize("what", BAD_MANIFESTS)
def test_a_manifest_that_is_none_is_refused_at_its_path(
    folder: Path, manifest: Manifest, what: str
) -> None:
    bad, path = BAD_MANIFESTS[what], folder / "weights/m.json"
    good = json.loads(path.read_text())
    path.write_text(bad if isinstance(bad, str) else json.dumps({**good, **bad}))
    with pytest.raises(StoreError) as caught:
        open_store(folder).manifest(Kind.WEIGHTS, "m")
    assert str(caught.value).startswith(f"{path}: expected a manifest, got")


def test_an_add_that_was_killed_leaves_no_half_file_under_any_hash(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(bytes(9 << 20))
    argv = [sys.executable, "-c", KILLED, str(folder), str(tmp_path / "f")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"copied a chunk\n"
        process.kill()
    assert in_time(lambda: process.poll() is not None)
    (left,) = folder.glob(".*")
    assert [path for path in (folder / "blobs").rglob("*") if path.is_file()] == []
    assert open_store(folder).objects.names("blobs/") == []
    # Another `add` may be under way: only what nobody has written to for long is removed.
    os.utime(left, (0, 0))
    entry = open_store(folder).add(tmp_path / "f", "f", lambda _size: None)
    assert not left.exists()
    assert sum(map(len, open_store(folder).read(entry))) == 9 << 20


def test_a_file_of_ours_is_moved_and_not_copied(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(b"content")
    inode = mine.stat().st_ino
    entry = create_store(folder).add(mine, "f", lambda _size: None, is_mine=True)
    assert not mine.exists()
    assert (blob(folder, entry).stat().st_ino, blob(folder, entry).stat().st_mode & 0o777) == (
        inode,
        0o444,
    )


def test_a_file_of_ours_that_is_there_already_is_left_where_it_is(
    folder: Path, manifest: Manifest, tmp_path: Path
) -> None:
    before = blob(folder, manifest.files[0]).stat().st_ino
    open_store(folder).add(tmp_path / "f", "f", lambda _size: None, is_mine=True)
    assert blob(folder, manifest.files[0]).stat().st_ino == before


def test_a_disk_that_takes_no_more_is_an_error_and_nothing_has_a_name(
    folder: Path, tmp_path: Path
) -> None:
    """A limit on the size of files stands in for the end of a disk."""
    (tmp_path / "f").write_bytes(os.urandom(9 << 20))
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({6 << 20}, {6 << 20}))"
    script = KILLED.replace("def killed", f"{limited}\ndef unused").replace(
        "killed)", "lambda _size: None)"
    )
    argv = [sys.executable, "-c", script, str(folder), str(tmp_path / "f")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "File too large" in done.stderr
    assert "StoreError" in done.stderr
    assert [
        path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 100
    ] == []


def test_a_link_out_of_the_store_is_not_followed_when_it_is_listed(
    folder: Path, manifest: Manifest, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x").write_text("not the store's")
    (folder / "blobs/zz").symlink_to(tmp_path / "elsewhere")
    assert len(open_store(folder).objects.names("blobs/")) == len(manifest.files)
