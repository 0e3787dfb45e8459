"""Files behind URLs of any HTTP server, each pinned to the version that is there now."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from freehold.errors import Problem
from freehold.gguf.error import GgufError
from freehold.gguf.http import shown, sibling
from freehold.gguf.split import shard_names
from freehold.weights.http_range import ranged
from freehold.weights.origin import SHA256, FetchError, Origin, RemoteFile, require_one_model
from freehold.weights.retry import FailedError, Patience, persist

FORM = "https://HOST/PATH.gguf"
NOT_DECLARED = "not declared by the origin"


def url_origin(
    urls: list[str], sha256s: list[str], patience: Patience, pause: Callable[[float], object]
) -> Origin:
    """One model's files, in any order; the URL of one shard alone stands for all beside it.

    `sha256s`, in hex, are of the files in the URLs' order, or empty: then the manifest says that
    nobody declared them, and a file without ETag and date is fetched in one go. Raises FetchError.
    """
    names = _names(urls)
    if len(urls) == 1:
        shards = shard_names(names[0])
        urls, names = [sibling(urls[0], shard) for shard in shards], list(shards)
    _require_hashes(sha256s, names)
    hashes: list[str | None] = [*sha256s] or [None] * len(urls)
    place = shown(urls[0])
    require_one_model(place.rpartition("/")[0], names, "give the URL of each of its files")
    files: list[RemoteFile] = []
    problems: list[Problem] = []
    for url, name, declared in zip(urls, names, hashes, strict=True):
        try:
            files.append(_asked(url, name, declared, patience, pause))
        except FetchError as error:
            problems += error.problems
    if problems:
        raise FetchError(problems)
    about = {"origin": place} if sha256s else {"origin": place, "sha256": NOT_DECLARED}
    return Origin(tuple(sorted(files, key=lambda file: file.name)), about)


def _names(urls: list[str]) -> list[str]:
    """The files' names, at the URLs' ends."""
    names, problems = [], []
    for url in urls:
        try:
            name = unquote(urlsplit(url).path).rpartition("/")[2]
            shards = shard_names(name)
        except (ValueError, GgufError):
            name, shards = "", ()
        if not shards or not name.endswith(".gguf") or not url.startswith(("https://", "http://")):
            # What is no URL may hold a secret all the same.
            problems.append(Problem("weights.fetch", f"expected {FORM}"))
        names.append(name)
    if problems:
        raise FetchError(problems)
    return names


def _require_hashes(sha256s: list[str], names: list[str]) -> None:
    wrong = [text for text in sha256s if not SHA256.fullmatch(text)]
    if wrong:
        raise FetchError.of("--sha256", f"expected 64 digits of 0-9a-f, got {wrong[0]!a}")
    if sha256s and len(sha256s) != len(names):
        words = f"expected one for each of {len(names)} files, got {len(sha256s)}"
        raise FetchError.of("--sha256", words, "in the order of the files, with commas between")


def _asked(
    url: str,
    name: str,
    sha256: str | None,
    patience: Patience,
    pause: Callable[[float], object],
) -> RemoteFile:
    """Its size and version, by a GET of one byte: a presigned link permits no HEAD."""
    unknown = RemoteFile(name, url, shown(url), 0, sha256)

    def attempt() -> RemoteFile:
        with ranged(url, unknown.place, {}, (0, 0), patience.timeout_s) as answer:
            if answer.total_bytes is None:
                raise FailedError("no size of the file", is_final=True)
            size, version = answer.total_bytes, answer.version
            return dataclasses.replace(unknown, size_bytes=size, version=version)

    try:
        return persist(attempt, patience, pause)
    except FailedError as failed:
        words = f"expected the file, got {failed.got}"
        raise FetchError.of(unknown.place, words, failed.hint) from None
