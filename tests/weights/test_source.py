"""Source archives: pinned to their commit, looked through, and given a name once."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from freehold.weights.archive import ArchiveError
from freehold.weights.gc import garbage
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.open import create_store
from freehold.weights.put import PutError
from freehold.weights.source import build_number, put_source
from freehold.weights.store import Store
from tests.weights.sets import silent

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {"CMakeLists.txt": b"project(x)\n", "LICENSE": b"MIT License\n\nCopyright\n"}


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")


def packed(path: Path, files: dict[str, bytes], folder: str = "llama.cpp-b7/") -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{folder}{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def put(kept: Store, path: Path, commit: str = COMMIT, name: str = "llama.cpp-b7") -> Manifest:
    return put_source(kept, path, name, {}, silent, commit=commit)


def test_a_source_is_a_set_of_one_file_with_its_commit_and_licence(
    kept: Store, tmp_path: Path
) -> None:
    made = put(kept, packed(tmp_path / "b7.tar.gz", FILES))
    assert made == kept.manifest(Kind.SOURCE, "llama.cpp-b7")
    assert [file.path for file in made.files] == ["b7.tar.gz"]
    assert made.about == {"commit": COMMIT, "commit_by": "who put it", "licence": "MIT License"}
    assert build_number(made) == "7"
    assert garbage(kept, safe_age_s=-1) == []


def test_the_commit_that_git_wrote_into_it_needs_no_word_and_allows_no_other(
    kept: Store, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for name, content in FILES.items():
        (work / name).write_bytes(content)
    git = ["git", "-C", str(work), "-c", "user.name=x", "-c", "user.email=x@x"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    archive = tmp_path / "git.tar.gz"
    pack = ["archive", "--prefix=x/", f"--output={archive}", "HEAD"]
    subprocess.run([*git, *pack], check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    commit = done.stdout.strip()
    made = put(kept, archive, commit="")
    assert (made.about["commit"], made.about["commit_by"]) == (commit, "the archive")
    with pytest.raises(PutError, match=f"expected the archive's own, {commit}, got {COMMIT}"):
        put(kept, archive)


REFUSED = {
    "no commit": (FILES, "", "expected the commit of s.tar.gz"),
    "a short commit": (FILES, "abcdef0", 'expected the 40 hex digits of the commit, got "abcdef0"'),
    "no source": ({"README": b"x"}, COMMIT, "expected CMakeLists.txt in it or in its only folder"),
    "sources of several": (
        {"../a/CMakeLists.txt": b"", "../b/CMakeLists.txt": b""},
        COMMIT,
        "leads out of it",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_pinned_source_is_refused_and_not_named(
    kept: Store, tmp_path: Path, what: str
) -> None:
    files, commit, words = REFUSED[what]
    with pytest.raises((PutError, ArchiveError)) as caught:
        put(kept, packed(tmp_path / "s.tar.gz", files), commit)
    assert words in str(caught.value)
    assert list(Path(kept.place).rglob("*")) == []


def test_another_hash_than_was_asked_for_is_refused(kept: Store, tmp_path: Path) -> None:
    path = packed(tmp_path / "s.tar.gz", FILES)
    with pytest.raises(ArchiveError, match="expected sha256 abab"):
        put_source(kept, path, "x", {}, silent, commit=COMMIT, sha256="ab" * 32)
    assert kept.manifests(Kind.SOURCE) == []


def test_a_name_is_given_once(kept: Store, tmp_path: Path) -> None:
    path = packed(tmp_path / "s.tar.gz", FILES)
    first = put(kept, path)
    assert put(kept, path) == first
    other = packed(tmp_path / "t.tar.gz", {**FILES, "x": b""})
    with pytest.raises(PutError, match="expected a new name, found another source of it"):
        put(kept, other)
    with pytest.raises(PutError, match="expected a new name, found another source of it"):
        put(kept, path, commit="f" * 40)
    assert kept.manifest(Kind.SOURCE, "llama.cpp-b7") == first
