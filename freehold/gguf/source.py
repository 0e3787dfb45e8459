"""Where a file's bytes come from: a few of them, from anywhere in it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from freehold.gguf.error import GgufError


class ByteSource(Protocol):
    """One file. Implementations: a local path, HTTP, S3, another host."""

    @property
    def place(self) -> str:
        """How it is called in an error; it holds no secret."""

    def size_bytes(self) -> int | None:
        """The whole file's size, or None where no `read` so far has told. Costs nothing."""

    def read(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset`; fewer only where the file ends. Raises GgufError."""


class FileSource:
    """A file of this machine, shown in errors as `place` where its path would say little."""

    def __init__(self, path: Path, place: str | None = None) -> None:
        self._path = path
        self.place = place or str(path)

    def size_bytes(self) -> int:
        """See ByteSource.size_bytes."""
        try:
            return self._path.stat().st_size
        except OSError as error:
            raise self._unreadable(error) from None

    def read(self, offset: int, count: int) -> bytes:
        """See ByteSource.read."""
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                return file.read(count)
        except OSError as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: OSError) -> GgufError:
        return GgufError.of(self.place, f"expected a GGUF file, got: {error.strerror}")
