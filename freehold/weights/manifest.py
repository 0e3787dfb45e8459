"""A manifest: the identity of one set of files: a model's weights, an engine build, its source."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from freehold.agent.merkle import piece_bytes_of
from freehold.agent.order import clashing
from freehold.agent.program import PROGRAM

_PATH = re.compile(r"[\w+-][\w.+-]*(/[\w+-][\w.+-]*)*", re.ASCII)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
NODE_FOLDER = "/var/lib/freehold"
PROOF = ".freehold-proof"  # in the set's folder: `sha256 size mtime inode path` a line, at arrival
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Kind(StrEnum):
    """What a set is. The value is also the folder's name, in the store and on a node."""

    WEIGHTS = "weights"
    ENGINE = "engines"
    SOURCE = "sources"

    @property
    def word(self) -> str:
        """How one is called."""
        return {Kind.WEIGHTS: "weights", Kind.ENGINE: "engine", Kind.SOURCE: "source"}[self]

    @property
    def put_task(self) -> str:
        """The task by which one comes into a store."""
        return "engine.source" if self is Kind.SOURCE else f"{self.word}.put"

    @property
    def sign_task(self) -> str:
        """The task by which one is signed, up to its name."""
        return "engine.sign --source" if self is Kind.SOURCE else f"{self.word}.sign"


@dataclass(frozen=True)
class FileEntry:
    """One file of a set; `path` is relative to the set, with forward slashes.

    `pieces_root` is its root in BitTorrent v2 (BEP 52), in hex; "" of an empty file. Raises
    ValueError for a path that could lead elsewhere, and for what is no SHA-256.
    """

    path: str
    size_bytes: int
    sha256: str
    pieces_root: str
    executable: bool = False

    def __post_init__(self) -> None:
        _require("path", self.path, _PATH)
        _require("sha256", self.sha256, _SHA256)
        if type(self.size_bytes) is not int or self.size_bytes < 0:
            raise ValueError(f"size_bytes: expected a size, got {self.size_bytes!r}")
        if self.size_bytes or self.pieces_root != "":
            _require("pieces_root", self.pieces_root, _SHA256)

    @property
    def identity(self) -> str:
        """Its size and hash in one line, as a preview shows it."""
        kind = " executable" if self.executable else ""
        tree = f" tree:{self.pieces_root}" if self.pieces_root else ""
        return f"{self.size_bytes} bytes sha256:{self.sha256}{tree}{kind}"

    @classmethod
    def of_identity(cls, path: str, identity: str) -> FileEntry:
        """The entry that `identity` describes. Raises ValueError where it is none."""
        size, _bytes, sha256, *rest = identity.split()
        tree = [word.removeprefix("tree:") for word in rest if word.startswith("tree:")]
        return cls(
            path,
            int(size),
            sha256.removeprefix("sha256:"),
            pieces_root=tree[0] if tree else "",
            executable="executable" in rest,
        )


@dataclass(frozen=True)
class Manifest:
    """A named set of files. `entry` is the file that is opened first: a shard, or an executable.

    `about` holds what a person wants to know of it (origin, licence, architecture).
    `engine_help` is the engine's own `--help`, against which flags are checked before any box
    is touched. Raises ValueError where a name could not be a folder's.
    """

    kind: Kind
    name: str
    entry: str
    files: tuple[FileEntry, ...]
    about: Mapping[str, str] = field(default_factory=dict)
    engine_help: str | None = None

    def __post_init__(self) -> None:
        _require("name", self.name, _NAME)
        if clashes := clashing([file.path for file in self.files]):
            raise ValueError(f"files: expected each path once, none inside another: {clashes[0]!r}")
        if self.entry not in {file.path for file in self.files}:
            raise ValueError(f"entry: expected one of the files, got {self.entry!r}")

    @property
    def size_bytes(self) -> int:
        """The sum over all files."""
        return sum(file.size_bytes for file in self.files)

    @property
    def piece_bytes(self) -> int:
        """How long a piece of the set's files is, when they are moved or shared."""
        return piece_bytes_of(max((file.size_bytes for file in self.files), default=0))

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
        return f"{NODE_FOLDER}/{self.kind}/{self.name}-{self.digest[:12]}"

    @property
    def node_proof(self) -> str:
        """The absolute path of what was written on a node when the set had arrived whole."""
        return f"{self.node_folder}/{PROOF}"

    @property
    def node_program(self) -> str:
        """The absolute path of the program that came with the set, and checks and verifies it."""
        return f"{self.node_folder}/{PROGRAM}"

    @property
    def node_entry(self) -> str:
        """The absolute path of `entry` on a node."""
        return f"{self.node_folder}/{self.entry}"

    def to_json(self) -> str:
        """As a store keeps it."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def of_json(cls, text: str | bytes) -> Manifest:
        """What `to_json` made. Raises ValueError for anything else."""
        known = json.loads(text)
        try:
            files = tuple(FileEntry(**file) for file in known.pop("files"))
            return cls(kind=Kind(known.pop("kind")), files=files, **known)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(str(error)) from None


def is_name(text: str) -> bool:
    """Whether a set may be called so."""
    return _NAME.fullmatch(text) is not None


def is_path(text: str) -> bool:
    """Whether a file of a set may have this path."""
    return _PATH.fullmatch(text) is not None


def _require(what: str, text: Any, form: re.Pattern[str]) -> None:
    if not isinstance(text, str) or not form.fullmatch(text):
        raise ValueError(f"{what}: expected {form.pattern}, got {text!r}")
