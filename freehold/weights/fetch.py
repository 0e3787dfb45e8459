"""Fetch a set of weights: each file whole and as declared, then all of it into the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial as bound

from freehold.errors import FreeholdError, Problem
from freehold.weights.http_fetch import download
from freehold.weights.manifest import Manifest
from freehold.weights.origin import FetchError, Origin, RemoteFile
from freehold.weights.partial import Partial
from freehold.weights.put import put_weights
from freehold.weights.retry import FailedError, Patience
from freehold.weights.staging import Staging
from freehold.weights.store import Store

AT_ONCE = 4  # files


class _StoppedError(Exception):
    """Another thread is to end, since this process is."""


def fetch_files(
    store: Store,
    origin: Origin,
    staging: Staging,
    on_bytes: Callable[[int], None],
    patience: Patience | None = None,
    pause: Callable[[float], object] | None = None,
) -> Mapping[str, str]:
    """Bring every file of the origin into the staging folder; returns their SHA-256 by name.

    Only what an earlier fetch left out is asked for. `on_bytes` hears of each part, of one that
    has to be fetched again as a negative size, and all in all of the origin's size. A file that
    is not what was declared is removed. Raises FetchError naming every file that did not come.
    """
    staging.prepare(origin, store)
    stop, lock = threading.Event(), threading.Lock()

    def heard(size_bytes: int) -> None:
        if stop.is_set():
            raise _StoppedError
        with lock:
            on_bytes(size_bytes)

    def wait(seconds: float) -> None:
        (pause or stop.wait)(seconds)
        if stop.is_set():
            raise _StoppedError

    one = bound(_fetch_one, staging, patience or Patience(), wait, heard)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            found = list(pool.map(one, origin.files))
        except BaseException:  # an interrupt, say: the others would go on for hours
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    problems = [problem for each in found if not isinstance(each, str) for problem in each]
    if problems:
        raise FetchError(dict.fromkeys(problems))
    staging.finish(origin)
    return {file.name: str(sha256) for file, sha256 in zip(origin.files, found, strict=True)}


def add_fetched(
    store: Store,
    origin: Origin,
    staging: Staging,
    name: str,
    about: Mapping[str, str],
    sha256: Mapping[str, str],
    on_bytes: Callable[[int], None],
) -> Manifest:
    """Put what `fetch_files` brought into the store, as one set, and remove the staging folder.

    `about` is the user's and goes before the origin's own. Raises PutError; nothing is named then.
    """
    today = datetime.now(UTC).date().isoformat()
    known = {**origin.about, "fetched": today, **about}
    manifest = put_weights(store, staging.whole, name, known, on_bytes, is_mine=True, sha256=sha256)
    staging.remove()
    return manifest


def _fetch_one(
    staging: Staging,
    patience: Patience,
    wait: Callable[[float], None],
    on_bytes: Callable[[int], None],
    file: RemoteFile,
) -> str | tuple[Problem, ...]:
    """The file's SHA-256, or what went wrong."""
    path = staging.partial(file.key)
    try:
        with Partial(path, file.size_bytes, on_bytes) as partial:
            partial.read_again()
            if partial.size_bytes == file.size_bytes and file.sha256 not in (None, partial.sha256):
                partial.begin_anew()  # damaged since, here or in the store
            download(file, partial, patience, wait)
            partial.flush()
        found = partial.sha256
    except FailedError as failed:
        kept = f"what came is kept in {staging.folder}: fetch again, and only the rest is asked for"
        words = f"expected {file.size_bytes:,} bytes, got {failed.got}"
        return (Problem(file.place, words, failed.hint or kept),)
    except FreeholdError as error:
        return error.problems
    if file.sha256 not in (None, found):
        path.unlink()
        words = f"expected sha256 {file.sha256}\nfound    sha256 {found}"
        hint = "it was removed; fetch again, and this file is fetched anew"
        return (Problem(file.place, words, hint),)
    return found
