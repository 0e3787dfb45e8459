"""What is to lie in one folder of a node: files, and the hash of each of their pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property

from freehold.agent.merkle import HASH_BYTES, LEAF_BYTES, layer_root, piece_count

_PATH = re.compile(r"[\w+-][\w.+-]*(/[\w+-][\w.+-]*)*", re.ASCII)
_HEX = re.compile(r"([0-9a-f]{64})?")
HEAD_BYTES_MAX = 64 << 20


class OrderError(ValueError):
    """An order that no honest sender makes: a path that leads elsewhere, hashes that do not fit."""


@dataclass(frozen=True)
class OrderedFile:
    """One file; `root` is its root in BitTorrent v2, in hex, "" where it is empty."""

    path: str
    size_bytes: int
    sha256: str
    root: str
    executable: bool


@dataclass(frozen=True)
class Order:
    """A set of files for the absolute path `folder`; `layers` has the hashes of all pieces, of
    `piece_bytes` each, file after file. Raises OrderError where the hashes are not the roots'."""

    folder: str
    digest: str
    piece_bytes: int
    files: tuple[OrderedFile, ...]
    layers: bytes

    def __post_init__(self) -> None:
        if not self.folder.startswith("/") or ".." in self.folder.split("/"):
            raise OrderError(f"folder: expected an absolute path, got {self.folder!r}")
        if self.piece_bytes < LEAF_BYTES or self.piece_bytes & (self.piece_bytes - 1):
            raise OrderError(f"piece_bytes: expected a power of two, got {self.piece_bytes!r}")
        for file in self.files:
            if not _PATH.fullmatch(file.path) or len(file.path) > 1000:
                raise OrderError(f"path: expected {_PATH.pattern}, got {file.path!r}")
            if not _HEX.fullmatch(file.root) or not _HEX.fullmatch(file.sha256):
                raise OrderError(f"{file.path}: expected hashes in hex")
            if type(file.size_bytes) is not int or file.size_bytes < 0:
                raise OrderError(f"{file.path}: expected a size, got {file.size_bytes!r}")
        if clashes := clashing([file.path for file in self.files]):
            raise OrderError(f"files: expected each path once, none inside another: {clashes[0]!r}")
        if len(self.layers) != HASH_BYTES * self._firsts[-1]:
            raise OrderError(
                f"layers: expected {self._firsts[-1]} hashes, got {len(self.layers)} B"
            )
        for index, file in enumerate(self.files):
            first, last = (HASH_BYTES * self._firsts[index + i] for i in (0, 1))
            root = layer_root(self.layers[first:last], self.piece_bytes, file.size_bytes)
            if root.hex() != file.root:
                raise OrderError(f"{file.path}: expected piece hashes of root {file.root}")

    @cached_property
    def _firsts(self) -> tuple[int, ...]:
        """The number of each file's first piece, counted over all; at last, of all pieces."""
        firsts = [0]
        for index in range(len(self.files)):
            firsts.append(firsts[-1] + self.pieces(index))
        return tuple(firsts)

    @property
    def size_bytes(self) -> int:
        """The sum over all files."""
        return sum(file.size_bytes for file in self.files)

    @property
    def own_bytes(self) -> int:
        """The sum over the files whose content no earlier one has: what is moved."""
        own = (file for index, file in enumerate(self.files) if self.twin(index) == index)
        return sum(file.size_bytes for file in own)

    @cached_property
    def _twins(self) -> tuple[int, ...]:
        first: dict[OrderedFile, int] = {}
        contents = (replace(file, path="") for file in self.files)
        return tuple(first.setdefault(content, i) for i, content in enumerate(contents))

    def twin(self, file: int) -> int:
        """The first file of the same content, often itself: only that one is moved."""
        return self._twins[file]

    def pieces(self, file: int) -> int:
        """How many pieces the file of that index has."""
        return piece_count(self.files[file].size_bytes, self.piece_bytes)

    def piece_size(self, file: int, piece: int) -> int:
        """Bytes of that piece; the last one of a file is shorter. Raises IndexError."""
        if not 0 <= piece < self.pieces(file):
            raise IndexError(f"{self.files[file].path}: no piece {piece}")
        return min(self.piece_bytes, self.files[file].size_bytes - piece * self.piece_bytes)

    def piece_hash(self, file: int, piece: int) -> bytes:
        """What that piece must hash to."""
        place = HASH_BYTES * (self._firsts[file] + piece)
        return self.layers[place : place + HASH_BYTES]

    def to_bytes(self) -> bytes:
        """A line of JSON, then the hashes as they are."""
        head = {
            "folder": self.folder,
            "digest": self.digest,
            "piece_bytes": self.piece_bytes,
            "files": [asdict(file) for file in self.files],
            "layers_bytes": len(self.layers),
        }
        return json.dumps(head).encode() + b"\n" + self.layers

    @classmethod
    def of_head(cls, head: bytes) -> tuple[dict[str, object], int]:
        """What the first line holds, and how many bytes of hashes follow it."""
        try:
            known = json.loads(head)
            return known, int(known.pop("layers_bytes"))
        except (ValueError, KeyError, AttributeError, TypeError):
            raise OrderError("expected an order, got something else") from None

    @classmethod
    def of(cls, head: bytes, layers: bytes) -> Order:
        """What `to_bytes` made. Raises OrderError for anything else."""
        known, _size = cls.of_head(head)
        try:
            files = tuple(OrderedFile(**file) for file in known.pop("files"))  # type: ignore[attr-defined]
            return cls(files=files, layers=layers, **known)  # type: ignore[arg-type]
        except (TypeError, KeyError, AttributeError) as error:
            raise OrderError(f"expected an order, got {error}") from None

    @classmethod
    def of_bytes(cls, data: bytes) -> Order:
        """What `to_bytes` made, as one."""
        head, _newline, layers = data.partition(b"\n")
        return cls.of(head, layers)


def clashing(paths: Sequence[str]) -> list[str]:
    """Those of `paths` that come twice, and those that lie inside another, which is a file."""
    known = set(paths)
    twice = [path for path in known if len(paths) > len(known) and paths.count(path) > 1]
    return sorted([*twice, *(path for path in known if _parents(path) & known)])


def _parents(path: str) -> set[str]:
    parts = path.split("/")
    return {"/".join(parts[:i]) for i in range(1, len(parts))}
