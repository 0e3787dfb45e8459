"""Put weights and engine builds into a store, checked before they are named."""

from __future__ import annotations

import dataclasses
import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from freehold.errors import FreeholdError, Problem
from freehold.gguf.error import GgufError
from freehold.gguf.header import Header
from freehold.gguf.read import read_files
from freehold.gguf.source import FileSource
from freehold.gguf.split import shard_names
from freehold.weights.manifest import FileEntry, Kind, Manifest, is_name, is_path
from freehold.weights.names import elves, without_aliases
from freehold.weights.store import Store

ENGINE_ENTRY = "llama-server"
HELP_TIMEOUT_S = 60
Ask = Callable[[Path, Sequence[Path]], str]
"""What asks a build, by its entry and all its files, for its `--help`."""


class PutError(FreeholdError):
    """What was to be put into the store is not what it should be."""


def put_weights(
    store: Store,
    source: Path,
    name: str,
    about: Mapping[str, str],
    on_bytes: Callable[[int], None],
    *,
    is_mine: bool = False,
    sha256: Mapping[str, str] | None = None,
) -> Manifest:
    """Put a GGUF file, or the folder of its shards. Raises PutError naming every bad file.

    Where `is_mine` the files may be moved, as `Store.add` says. `sha256` has what the files must
    be, by their path in the set, where that is known.
    """
    shards = [source] if source.is_file() else sorted(source.rglob("*.gguf"))
    if not shards:
        raise PutError.of(str(source), "expected a GGUF file, or a folder with some; found none")
    folder = source.parent if source.is_file() else source
    _require_names(name, folder, shards)
    header = _require_model(shards)
    files = _add(store, folder, shards, on_bytes, is_mine=is_mine)
    _require_hashes(folder, files, sha256 or {})
    files = tuple(dataclasses.replace(file, executable=False) for file in files)
    known = {
        "architecture": header.architecture,
        "model": str(header.metadata.get("general.name", "")),
        "licence": str(header.metadata.get("general.license", "")),
    }
    told = {key: value for key, value in {**known, **about}.items() if value}
    manifest = Manifest(kind=Kind.WEIGHTS, name=name, entry=files[0].path, files=files, about=told)
    store.declare(manifest)
    return manifest


def put_engine(
    store: Store,
    source: Path,
    name: str,
    about: Mapping[str, str],
    on_bytes: Callable[[int], None],
    *,
    ask: Ask | None = None,
) -> Manifest:
    """Put a folder with llama-server and its libraries.

    The build is asked for its `--help`, against which every flag is checked later: here, or by
    `ask`. Raises PutError where it cannot be asked.
    """
    entry = source / ENGINE_ENTRY
    if not entry.is_file():
        raise PutError.of(str(source), f"expected a folder with {ENGINE_ENTRY}, found none in it")
    there = sorted(path for path in source.rglob("*") if path.is_file())
    try:
        known = elves(there)
    except ValueError as error:
        raise PutError.of(str(source), f"expected programs and libraries, {error}") from None
    paths = without_aliases(there, known)
    _require_names(name, source, paths)
    help_text = (ask or _ask_here)(entry, paths)
    files = _add(store, source, paths, on_bytes)
    files = tuple(
        dataclasses.replace(file, executable=True) if file.path == ENGINE_ENTRY else file
        for file in files
    )
    of_entry = known.get(entry.resolve())
    manifest = Manifest(
        kind=Kind.ENGINE,
        name=name,
        entry=ENGINE_ENTRY,
        files=files,
        about={"arch": of_entry.arch if of_entry else platform.machine(), **about},
        engine_help=help_text,
    )
    store.declare(manifest)
    return manifest


def _add(
    store: Store,
    folder: Path,
    paths: list[Path],
    on_bytes: Callable[[int], None],
    *,
    is_mine: bool = False,
) -> tuple[FileEntry, ...]:
    return tuple(
        store.add(p, p.relative_to(folder).as_posix(), on_bytes, is_mine=is_mine) for p in paths
    )


def _require_hashes(folder: Path, files: tuple[FileEntry, ...], sha256: Mapping[str, str]) -> None:
    """That the files are those which were declared, before the set has a name."""
    wrong = [
        Problem(
            str(folder / file.path),
            f"expected sha256 {wanted}\nfound    sha256 {file.sha256}",
            "it changed on the disk: fetch it again",
        )
        for file in files
        if (wanted := sha256.get(file.path, file.sha256)) != file.sha256
    ]
    if wrong:
        raise PutError(wrong)


def _require_names(name: str, folder: Path, paths: list[Path]) -> None:
    """Before anything large is copied."""
    problems = []
    if not is_name(name):
        what = 'a name of a-z, 0-9, ".", "_" and "-" that starts with a letter or digit'
        problems.append(Problem("--name", f'expected {what}, got "{name}"'))
    problems += [
        Problem(str(path), 'expected a path of letters, digits, ".", "_", "+" and "-"', "rename it")
        for path in paths
        if not is_path(path.relative_to(folder).as_posix())
    ]
    if problems:
        raise PutError(problems)


def _require_model(shards: list[Path]) -> Header:
    """All of one model, under the names by which the engine finds one shard from another."""
    try:
        header = read_files([FileSource(shard) for shard in shards])
    except GgufError as error:
        raise PutError(error.problems) from None
    if len(shards) > 1:
        first, *_ = shards
        names = shard_names(first.name)
        whole = [first.with_name(name) for name in names] if len(names) == len(shards) else []
        words = f"expected NAME-00001-of-{len(shards):05d}.gguf and so on"
        wrong = sorted(set(shards) - set(whole))
        if wrong:
            raise PutError(Problem(str(shard), words, "rename it") for shard in wrong)
    return header


def _ask_here(entry: Path, _paths: Sequence[Path]) -> str:
    return ask_help(entry)


def ask_help(entry: Path) -> str:
    """What the build of `entry` prints for --help. Raises PutError where it does not run."""
    # A wheel unpacks without mode bits: the loader runs the file all the same.
    entry.chmod(entry.stat().st_mode | 0o111) if not os.access(entry, os.X_OK) else None
    try:
        done = subprocess.run(
            [entry.absolute(), "--help"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HELP_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        done = subprocess.CompletedProcess([], 126, "", str(error))
    return help_of(str(entry), done.returncode, done.stdout, done.stderr)


def help_of(place: str, exit_status: int, stdout: str, stderr: str) -> str:
    """What was printed, of a build that answered. Raises PutError with its last words."""
    if exit_status or "--model" not in stdout:
        said = stderr.strip().splitlines()[-5:]
        raise PutError.of(
            place,
            "\n".join([f"expected its --help, got exit {exit_status}", *said]),
            "put it into the store from a machine of the build's own kind, "
            "or have a node ask it: --on NODE",
        )
    return stdout
