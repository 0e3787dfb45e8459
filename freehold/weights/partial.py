"""A file that is being fetched: what came of it, and the SHA-256 of that."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from freehold.weights.objects import CHUNK_BYTES
from freehold.weights.origin import FetchError


class Partial:
    """Appended to in order, so that its length says what a killed process had fetched.

    What is there already is read first, for its hash; `on_bytes` hears of that too, and of a
    negative size where it is begun anew. Raises FetchError where the disk refuses.
    """

    def __init__(self, path: Path, size_bytes: int, on_bytes: Callable[[int], None]) -> None:
        self.path, self.size_bytes = path, 0
        self._on_bytes = on_bytes
        self._digest = hashlib.sha256()
        if path.exists():
            stat = path.stat()
            # Longer than the file, or a hard link to a file of the store that is shorter: neither
            # is a beginning of it, and the store's is not to be written to.
            if stat.st_size > size_bytes or (stat.st_nlink > 1 and stat.st_size < size_bytes):
                path.unlink()
        is_whole = path.exists() and path.stat().st_size == size_bytes
        self._file = path.open("rb" if is_whole else "a+b", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        """Of what is there by now, in hex."""
        return self._digest.hexdigest()

    def read_again(self) -> None:
        """Take what is there as the beginning; called once, before anything is appended."""
        self._file.seek(0)
        while data := self._file.read(CHUNK_BYTES):
            self._note(data)

    def append(self, data: bytes) -> None:
        """The bytes that follow."""
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            words = f"expected to write to the disk, got: {error.strerror}"
            hint = "what came is kept: mend that, fetch again, and only the rest is asked for"
            raise FetchError.of(str(self.path.parent), words, hint) from None
        self._note(data)

    def begin_anew(self) -> None:
        """Forget all of it; a new file, since the old one may be a link to one of the store."""
        self._file.close()
        self.path.unlink(missing_ok=True)
        self._file = self.path.open("a+b", buffering=0)
        self._on_bytes(-self.size_bytes)
        self.size_bytes, self._digest = 0, hashlib.sha256()

    def flush(self) -> None:
        """Durably on the disk."""
        os.fsync(self._file.fileno())

    def _note(self, data: bytes) -> None:
        self._digest.update(data)
        self.size_bytes += len(data)
        self._on_bytes(len(data))
