"""Files that a task gets: what they are, and their bytes as one tar stream."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import FreeholdError, Problem
from freehold.job.job import RESULTS
from freehold.weights.objects import CHUNK_BYTES

EXPECTED = "expected a file, or a folder with some"


@dataclass(frozen=True)
class Input:
    """One file; `name` is where it lies in the task's folder, with forward slashes."""

    name: str
    source: Path
    size_bytes: int
    sha256: str
    executable: bool


def inputs_of(paths: Iterable[Path]) -> tuple[Input, ...]:
    """The files at `paths`, of a folder all that are in it, each under its own name.

    Raises FreeholdError with every path that is no file or folder, whose name another has, or
    that cannot be read. Within a folder a link to another is neither.
    """
    found: list[Input] = []
    problems: list[Problem] = []
    taken = {"", RESULTS}
    for path in map(Path.expanduser, paths):
        name = path.name if path.name.strip(".") else path.resolve().name
        if name in taken:
            message = f'expected a name of its own in the task\'s folder, got "{name}"'
            problems.append(Problem(str(path), message))
            continue
        taken.add(name)
        for source in _sources(path, problems):
            rest = source.relative_to(path).as_posix()
            try:
                found.append(_input(name if source == path else f"{name}/{rest}", source))
            except OSError as error:
                problems.append(_problem(source, error))
    if problems:
        raise FreeholdError(problems)
    return tuple(sorted(found, key=lambda each: each.name))


def tar_chunks(inputs: Iterable[Input]) -> Iterator[bytes]:
    """A tar of the files. Raises FreeholdError where one is not as it was when it was looked at."""
    for each in inputs:
        info = tarfile.TarInfo(each.name)
        info.size, info.mode = each.size_bytes, 0o755 if each.executable else 0o644
        yield info.tobuf(tarfile.PAX_FORMAT)
        digest, left_bytes = hashlib.sha256(), each.size_bytes
        try:
            with each.source.open("rb") as source:
                while chunk := source.read(min(CHUNK_BYTES, left_bytes)):
                    digest.update(chunk)
                    left_bytes -= len(chunk)
                    yield chunk
        except OSError as error:
            raise FreeholdError([_problem(each.source, error)]) from None
        if digest.hexdigest() != each.sha256:
            raise FreeholdError.of(str(each.source), "it changed while it was copied")
        yield bytes(-each.size_bytes % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _sources(path: Path, problems: list[Problem]) -> Iterator[Path]:
    """The file, or what of the folder is to be one; a folder that cannot be read is a problem."""
    try:
        is_folder = path.is_dir()
    except OSError as error:
        problems.append(_problem(path, error))
        return
    if not is_folder:
        yield path
        return
    is_empty = True
    failed: list[OSError] = []
    for folder, folders, files in os.walk(path, onerror=failed.append):
        folders.sort()
        links = [each for each in folders if Path(folder, each).is_symlink()]
        for name in sorted([*links, *files]):
            is_empty = False
            yield Path(folder, name)
    problems += [_problem(path, error) for error in failed]
    if is_empty and not failed:
        problems.append(Problem(str(path), EXPECTED))


def _input(name: str, source: Path) -> Input:
    """Raises OSError for what is no file, or cannot be read."""
    if not stat.S_ISREG(source.stat().st_mode):
        raise OSError(errno.EINVAL, EXPECTED)
    with source.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        found = os.fstat(opened.fileno())
    return Input(name, source, found.st_size, digest, bool(found.st_mode & 0o100))


def _problem(path: Path, error: OSError) -> Problem:
    return Problem(str(error.filename or path), error.strerror or str(error))
