"""What a store is kept in: named objects in a folder, on a server by SSH, or in a bucket."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from freehold.errors import FreeholdError

CHUNK_BYTES = 4 << 20  # of what is streamed: large beside a system call, small beside memory
_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)
NAME_LENGTH_MAX = 250  # below the 255 bytes of a file's name, and the 1,024 of an S3 key


class StoreError(FreeholdError):
    """The store lacks something, or holds it damaged, or cannot be reached."""


class TakenError(StoreError):
    """Something is there already under a name that was to be new."""


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it; `age_s` is since it was put, by the store's own clock."""

    name: str
    size_bytes: int
    age_s: float


class Objects(Protocol):
    """Objects by name, such as `weights/glm.json`; names are of a-z, A-Z, 0-9, `._-` and `/`,
    and no part of one begins with a dot.

    What is put is there whole or not at all, and durable when `put` returns. Implementations: a
    folder or NFS mount, a server by SSH, S3; one suite holds for all. Every method raises
    StoreError, with the object's place, where the store cannot do it.
    """

    @property
    def place(self) -> str:
        """How the store is called in an error; it holds no secret."""

    def names(self, prefix: str) -> list[str]:
        """Every object's name that begins with `prefix`, sorted."""

    def listed(self, prefix: str) -> list[Listed]:
        """The same with sizes and ages."""

    def size_bytes(self, name: str) -> int | None:
        """The object's size; None where there is none of that name."""

    def stream(self, name: str, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """Its bytes from `offset`, to its end or `size_bytes` of them, in chunks as they come."""

    def put(self, name: str, content: bytes, *, is_new: bool = False) -> None:
        """Write a small object. Raises TakenError where `is_new` and the name is taken."""

    def put_file(
        self,
        name: str,
        source: Path,
        sha256: str,
        on_bytes: Callable[[int], None],
        *,
        is_mine: bool = False,
    ) -> None:
        """Write a large one, which arrives with this SHA-256 or not at all.

        What is there whole already is kept. `on_bytes` hears of what is sent. Where `is_mine` the
        source may be moved instead of copied; it need not be there afterwards.
        """

    def delete(self, name: str) -> None:
        """Remove the object, if it is there."""

    def url(self, name: str, expires_s: int) -> str | None:
        """Where whoever has it may GET ranges of the object, of the version that is there now,
        until it expires: a secret. None where the store gives out none."""

    def local_path(self, name: str) -> Path | None:
        """The file that the object is, where the store lies on this machine."""


def require_name(place: str, name: str) -> str:
    """`name`, if an object may be called so: it leads out of no folder. Raises StoreError."""
    if not _NAME.fullmatch(name) or max(map(len, name.split("/"))) > NAME_LENGTH_MAX:
        raise StoreError.of(place, f"expected an object's name, got {name[:80]!r}")
    return name
