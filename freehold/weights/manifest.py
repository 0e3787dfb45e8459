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

    @property
    def identity(self) -> str:
        """Its size and hash in one line, as a preview shows it."""
        kind = " executable" if self.executable else ""
        return f"{self.size_bytes} bytes sha256:{self.sha256}{kind}"

    @classmethod
    def of_identity(cls, path: str, identity: str) -> FileEntry:
        """The entry that `identity` describes. Raises ValueError where it is none."""
        size, _bytes, sha256, *kind = identity.split()
        return cls(
            path=path,
            size_bytes=int(size),
            sha256=sha256.removeprefix("sha256:"),
            executable=bool(kind),
        )


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
    def arch(self) -> str:
        """The processors that an engine build is for, as `uname -m` says; "" for weights."""
        return self.about.get("arch", "")

    @property
    def node_folder(self) -> str:
        """Where the set lies on a node; another content has another folder beside it."""
        return f"/var/lib/freehold/{self.kind}/{self.name}-{self.digest[:12]}"

    @property
    def node_entry(self) -> str:
        """The absolute path of `entry` on a node."""
        return f"{self.node_folder}/{self.entry}"
