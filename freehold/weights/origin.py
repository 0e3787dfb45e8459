"""Where a set of weights is fetched from: its files there, all of one model and one version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256 as new_sha256

from freehold.errors import FreeholdError, Problem
from freehold.gguf.error import GgufError
from freehold.gguf.split import shard_names
from freehold.weights.manifest import is_path

SHOWN = 8  # of a long list
SHA256 = re.compile(r"[0-9a-f]{64}")


class FetchError(FreeholdError):
    """What was to be fetched is not there, not what was declared, or did not come."""


@dataclass(frozen=True)
class RemoteFile:
    """One file: `name` is its path in the set, `place` how errors call it.

    `sha256` is what the origin declares, or its user; None where nobody does. `version` is then
    the ETag or Last-Modified that each answer must have, "" where the server gives neither.
    `headers` go to the URL's own server and may hold a token.
    """

    name: str
    url: str = field(repr=False)
    place: str
    size_bytes: int
    sha256: str | None
    version: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_pinned(self) -> bool:
        """Whether bytes of two answers are known to be of one content."""
        return bool(self.sha256 or self.version)

    @property
    def key(self) -> str:
        """Of its name and content: what was begun under another key is of no use."""
        content = self.sha256 or f"{self.place}\n{self.version}\n{self.size_bytes}"
        return new_sha256(f"{self.name}\n{content}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Origin:
    """`about` is what the manifest says of where the files are from."""

    files: tuple[RemoteFile, ...]
    about: Mapping[str, str]

    @property
    def size_bytes(self) -> int:
        """The sum over all files."""
        return sum(file.size_bytes for file in self.files)


def require_one_model(place: str, paths: Iterable[str], hint: str) -> list[str]:
    """The paths of one model's files, in its shards' order, before a byte of them is fetched.

    Raises FetchError where they are of several models, where a shard is not among them, and for
    a name that no file of a set may have.
    """
    paths = sorted(paths)
    wanted: dict[str, tuple[str, ...]] = {}
    problems = []
    for path in paths:
        folder, slash, name = path.rpartition("/")
        if not is_path(name):
            words = 'expected a name of letters, digits, ".", "_", "+" and "-"'
            problems.append(Problem(f"{place}/{path}", f"{words}, got {name!a}"))
            continue
        try:
            shards = tuple(f"{folder}{slash}{shard}" for shard in shard_names(name))
        except GgufError as error:
            problems += error.problems
            continue
        wanted[shards[0]] = shards
    if problems:
        raise FetchError(problems)
    if len(wanted) != 1:
        first = list(wanted)[:SHOWN]
        more = [f"and {len(wanted) - SHOWN} more"] if len(wanted) > SHOWN else []
        words = f"expected the files of one model, found those of {len(wanted)}"
        raise FetchError.of(place, "\n".join([words, *map(ascii, first), *more]), hint)
    (shards,) = wanted.values()
    lost = [shard for shard in shards if shard not in paths]
    if lost:
        found = f"expected {len(shards)} shards, found {len(paths)}"
        raise FetchError(
            Problem(f"{place}/{shard}", f"{found}: this one is missing", hint) for shard in lost
        )
    return list(shards)
