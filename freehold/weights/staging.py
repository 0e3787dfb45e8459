"""The folder into which a set is fetched, which outlives a fetch that is killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from freehold.errors import Problem
from freehold.weights.manifest import is_name
from freehold.weights.origin import FetchError, Origin
from freehold.weights.store import Store, blob_name

INCOMING = "incoming"  # in a store of this machine: what is whole is moved, not copied
MARGIN_BYTES = 64 << 20  # for the hashes of pieces and the file system's own
_SUFFIX = ".partial"


class Staging:
    """One set's: `KEY.partial` while its files come, `whole/NAME` when all of them are there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.whole = folder, folder / "whole"

    def partial(self, key: str) -> Path:
        """Where the file of that key comes in."""
        return self.folder / f"{key}{_SUFFIX}"

    def prepare(self, origin: Origin, store: Store) -> None:
        """Keep what is of use of an earlier fetch, and take from the store what it has already.

        Raises FetchError where there is no room for the rest.
        """
        for file in origin.files:
            earlier, partial = self.whole / file.name, self.partial(file.key)
            if earlier.exists() and file.sha256:
                earlier.replace(partial)
            elif not partial.exists() and file.sha256:
                self._adopt(store, file.sha256, partial)
        shutil.rmtree(self.whole, ignore_errors=True)
        wanted = {self.partial(file.key) for file in origin.files}
        for left in set(self.folder.glob(f"*{_SUFFIX}")) - wanted:
            left.unlink()
        self._require_room(origin, store)

    def finish(self, origin: Origin) -> None:
        """All files are whole: give them their names."""
        self.whole.mkdir()
        for file in origin.files:
            self.partial(file.key).replace(self.whole / file.name)

    def remove(self) -> None:
        """The set is in the store."""
        shutil.rmtree(self.folder)

    def _adopt(self, store: Store, sha256: str, partial: Path) -> None:
        blob = store.objects.local_path(blob_name(sha256))
        if blob is not None and blob.is_file():
            with contextlib.suppress(OSError):  # of another file system: it is fetched
                partial.hardlink_to(blob)

    def _require_room(self, origin: Origin, store: Store) -> None:
        there = [partial.stat().st_size for partial in self.folder.glob(f"*{_SUFFIX}")]
        needed = {self.folder: origin.size_bytes - sum(there)}
        top = store.objects.local_path(INCOMING)
        if top is not None and top.parent.stat().st_dev != self.folder.stat().st_dev:
            needed[top.parent] = origin.size_bytes
        problems = []
        for folder, size in needed.items():
            free = shutil.disk_usage(folder).free
            if size + MARGIN_BYTES > free:
                words = f"expected room for {size + MARGIN_BYTES:,} bytes more, found {free:,}"
                problems.append(Problem(str(folder), words, "make room, or choose --staging"))
        if problems:
            raise FetchError(problems)


@contextlib.contextmanager
def staging_of(store: Store, name: str, instead: Path | None = None) -> Iterator[Staging]:
    """The set's, for this process alone as long as the block lasts.

    In the store where that lies on this machine, else in ~/.cache/freehold; `instead` of both.
    Raises FetchError where another process fetches the same set.
    """
    if not is_name(name):
        what = 'a name of a-z, 0-9, ".", "_" and "-" that starts with a letter or digit'
        raise FetchError.of("--name", f'expected {what}, got "{name}"')
    top = instead or store.objects.local_path(INCOMING)
    top = top or Path.home() / ".cache" / "freehold" / INCOMING
    folder = top / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(top / f".{name}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        words = f"expected a folder to write to, got: {error.strerror}"
        raise FetchError.of(str(folder), words) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            words = f"expected to fetch {name} alone, found another fetch of it under way"
            raise FetchError.of(str(folder), words) from None
        folder.mkdir(exist_ok=True)  # the one before this removed it
        yield Staging(folder)
    finally:
        os.close(lock)
