"""Source archives of the engine: put into the store as a set of one file, pinned to a commit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from freehold.errors import Problem
from freehold.weights.archive import SUFFIXES, Archive, What, is_archive, opened, require_sha256
from freehold.weights.manifest import Kind, Manifest, is_name, is_path
from freehold.weights.put import PutError
from freehold.weights.store import Store

_COMMIT = re.compile(r"[0-9a-f]{40}")
_NUMBER = re.compile(r"-b(\d+)\b")
TOP = "CMakeLists.txt"


def put_source(
    store: Store,
    archive: Path,
    name: str,
    about: Mapping[str, str],
    on_bytes: Callable[[int], None],
    *,
    commit: str = "",
    sha256: str = "",
) -> Manifest:
    """Put a source archive, with the commit that it is of.

    `git archive`, and so GitHub, writes the commit into it: `commit` may be left out then, and
    must not be another. Raises PutError with all that is wrong, ArchiveError for an archive that
    is damaged, is not of that SHA-256 or would write elsewhere.
    """
    _require_words(archive, name, commit)
    require_sha256(archive, sha256)
    with opened(archive) as found:
        folder = _top_of(archive, found)
        known = {"licence": _licence_in(found, folder), **about}
        known |= {
            "commit": _commit_of(archive, found.comment, commit),
            "commit_by": "the archive" if _is_commit(found.comment) else "who put it",
        }
    entry = store.add(archive, archive.name, on_bytes)
    told = {key: value for key, value in known.items() if value}
    manifest = Manifest(Kind.SOURCE, name, entry.path, (entry,), told)
    _require_same(store, manifest)
    store.declare(manifest)
    return manifest


def build_number(source: Manifest) -> str:
    """Of a source that is called as llama.cpp's releases are, llama.cpp-b11434; "" of another."""
    found = _NUMBER.search(source.name)
    return found[1] if found else ""


def _require_words(archive: Path, name: str, commit: str) -> None:
    problems = []
    if not is_name(name):
        what = 'a name of a-z, 0-9, ".", "_" and "-" that starts with a letter or digit'
        problems.append(Problem("--name", f'expected {what}, got "{name}"'))
    if commit and not _is_commit(commit):
        words = f'expected the 40 hex digits of the commit, got "{commit}"'
        problems.append(Problem("--commit", words))
    if not is_archive(archive):
        words = f"expected a source archive ({', '.join(SUFFIXES)})"
        problems.append(Problem(str(archive), words))
    elif not is_path(archive.name):
        what = 'expected a file name of letters, digits, ".", "_", "+" and "-"'
        problems.append(Problem(str(archive), what, "rename it"))
    if problems:
        raise PutError(problems)


def _top_of(archive: Path, found: Archive) -> PurePosixPath:
    """The folder with the outermost CMakeLists.txt, which must be the archive's or its only one."""
    files = [PurePosixPath(each.path) for each in found.members if each.what is What.FILE]
    tops = {path.parent for path in files if path.name == TOP and len(path.parts) <= 2}
    folders = {path.parts[0] for path in files}
    if PurePosixPath() in tops:
        return PurePosixPath()
    if len(tops) == 1 and len(folders) == 1:
        return tops.pop()
    raise PutError.of(
        str(archive),
        f"expected {TOP} in it or in its only folder, found {len(tops) or 'none'} there",
        "fab engine.put takes what is built already",
    )


def _commit_of(archive: Path, said: str, told: str) -> str:
    named = said if _is_commit(said) else ""
    if named and told and named != told:
        raise PutError.of("--commit", f"expected the archive's own, {named}, got {told}")
    if not named and not told:
        raise PutError.of(
            "--commit", f"expected the commit of {archive.name}, which does not name it itself"
        )
    return told or named


def _licence_in(found: Archive, folder: PurePosixPath) -> str:
    for each in found.members:
        path = PurePosixPath(each.path)
        if path.parent == folder and path.name.startswith(("LICENSE", "LICENCE")):
            with found.read(each) as source:
                lines = source.read(4096).decode("utf-8", "replace").split("\n")
            return next((line.strip() for line in lines if line.strip()), "")[:80]
    return ""


def _require_same(store: Store, manifest: Manifest) -> None:
    """What a build says of its origin stays true: a name is given once."""
    if manifest.name not in store.set_names(Kind.SOURCE):
        return
    there = store.manifest(Kind.SOURCE, manifest.name)
    if (there.digest, there.about["commit"]) != (manifest.digest, manifest.about["commit"]):
        raise PutError.of(
            f"{store.place}/sources/{manifest.name}",
            f"expected a new name, found another source of it, of commit {there.about['commit']}",
            f"fab engine.remove --source {manifest.name}, if that one is to go",
        )


def _is_commit(text: str) -> bool:
    return _COMMIT.fullmatch(text) is not None
