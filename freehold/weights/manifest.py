"""A manifest: the identity of one set of files, be it a model's weights or an engine build."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field


class Kind(StrEnum):
    """What a set is. The value is also the folder's name, in the store and on a node."""

    WEIGHTS = "weights"
    ENGINE = "engines"


class FileEntry(BaseModel):
    """One file of a set; `path` is relative to the set, with forward slashes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(pattern=r"^[\w.+-]+(/[\w.+-]+)*$")
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    executable: bool = False


class Manifest(BaseModel):
    """A named set of files. `entry` is the file that is opened first: a shard, or an executable.

    `about` holds what a person wants to know of it (origin, licence, architecture).
    `engine_help` is the engine's own `--help`, against which flags are checked before any box
    is touched.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    name: str
    entry: str
    files: tuple[FileEntry, ...]
    about: dict[str, str] = {}
    engine_help: str | None = None

    @property
    def size_bytes(self) -> int:
        """The sum over all files."""
        return sum(file.size_bytes for file in self.files)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over what the files are, whatever the set is called: its content's address."""
        lines = sorted(f"{f.sha256} {f.size_bytes} {f.executable:d} {f.path}" for f in self.files)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def node_folder(self) -> str:
        """Where the set lies on a node; another content has another folder beside it."""
        return f"/var/lib/freehold/{self.kind}/{self.name}-{self.digest[:12]}"

    @property
    def node_entry(self) -> str:
        """The absolute path of `entry` on a node."""
        return f"{self.node_folder}/{self.entry}"
