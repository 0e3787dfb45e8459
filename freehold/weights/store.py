"""A store: where the master copies are kept that you own, content-addressed by SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from freehold.agent.merkle import HASH_BYTES, layer_root, piece_bytes_of, piece_count
from freehold.errors import Problem
from freehold.weights.hashing import Hashes, hash_file
from freehold.weights.manifest import FileEntry, Kind, Manifest, is_name
from freehold.weights.objects import Objects, StoreError

_SUFFIX = ".json"


class Store:
    """What Freehold asks of a store, whatever its `objects` are kept in.

    `weights/NAME.json`, `engines/NAME.json` and `sources/NAME.json` are the sets,
    `blobs/ab/abcd...` their files by SHA-256, `layers/ab/abcd...` the hashes of a file's pieces by
    their root. Two of one place are the same store.
    """

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Store) and self.place == other.place

    def __hash__(self) -> int:
        return hash(self.place)

    @property
    def place(self) -> str:
        """How it is called in an error."""
        return self.objects.place

    def manifests(self, kind: Kind) -> list[Manifest]:
        """Every set of that kind, by name."""
        return [self._load(kind, name) for name in self.set_names(kind)]

    def manifest(self, kind: Kind, name: str) -> Manifest:
        """The set of that name. Raises StoreError where there is none."""
        there = self.set_names(kind)
        if name not in there:
            raise StoreError.of(
                self.place,
                f"expected {kind.word} named {name}, found {', '.join(there) or 'none'}",
                f"fab {kind.put_task} PATH --name {name}",
            )
        return self._load(kind, name)

    def set_names(self, kind: Kind) -> list[str]:
        """How the sets of that kind are called."""
        names = (name.removeprefix(f"{kind}/") for name in self.objects.names(f"{kind}/"))
        stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
        return [stem for stem in stems if is_name(stem)]

    def read(self, file: FileEntry) -> Iterator[bytes]:
        """The file's bytes. Raises StoreError, at its end at last, if they are not its own."""
        digest, size = hashlib.sha256(), 0
        for chunk in self.stream(file):
            digest.update(chunk)
            size += len(chunk)
            yield chunk
        if digest.hexdigest() != file.sha256:
            raise StoreError.of(
                f"{self.place}/{blob_name(file.sha256)}",
                f"{file.path} is damaged in the store\n"
                f"expected {file.size_bytes} bytes, sha256 {file.sha256}\n"
                f"found    {size} bytes, sha256 {digest.hexdigest()}",
                "put it into the store again; nothing was placed on a node",
            )

    def stream(
        self, file: FileEntry, offset: int = 0, size_bytes: int | None = None
    ) -> Iterator[bytes]:
        """The file's bytes from `offset`, `size_bytes` of them or all, unchecked."""
        try:
            yield from self.objects.stream(blob_name(file.sha256), offset, size_bytes)
        except StoreError as error:
            raise StoreError(
                Problem(each.place, f"{file.path}: {each.message}", each.hint)
                for each in error.problems
            ) from None

    def layer(self, file: FileEntry) -> bytes:
        """The hashes of its pieces of `piece_bytes_of(file.size_bytes)`, 32 bytes each.

        They prove themselves by the root. Raises StoreError where what the store has does not.
        """
        piece_bytes = piece_bytes_of(file.size_bytes)
        count = piece_count(file.size_bytes, piece_bytes)
        if count <= 1:
            return bytes.fromhex(file.pieces_root)
        name = layer_name(file.pieces_root)
        layer = b"".join(self.objects.stream(name, 0, count * HASH_BYTES + 1))
        root = layer_root(layer, piece_bytes, file.size_bytes).hex() if layer else "nothing"
        if len(layer) != count * HASH_BYTES or root != file.pieces_root:
            raise StoreError.of(
                f"{self.place}/{name}",
                f"the hashes of {file.path}'s pieces are damaged in the store\n"
                f"expected {count} of them, of the root {file.pieces_root}",
                "put the file into the store again",
            )
        return layer

    def add(
        self,
        source: Path,
        path: str,
        on_bytes: Callable[[int], None],
        *,
        is_mine: bool = False,
    ) -> FileEntry:
        """Put one file into the store under its hash; what is there already is kept.

        `on_bytes` hears of its size in parts, half of each while it is hashed. Where `is_mine`
        the source may be moved instead of copied; whatever then is left of it is the caller's.
        """
        heard = 0

        def halved(size_bytes: int) -> None:
            nonlocal heard
            heard += size_bytes // 2
            on_bytes(size_bytes // 2)

        try:
            executable = bool(source.stat().st_mode & 0o100)
            hashes = hash_file(source, halved)
        except OSError as error:
            raise StoreError.of(str(source), f"adding {path}: {error.strerror}") from None
        entry = FileEntry(path, hashes.size_bytes, hashes.sha256, hashes.root, executable)
        try:
            self._put_layer(entry, hashes)
            self.objects.put_file(
                blob_name(entry.sha256), source, entry.sha256, halved, is_mine=is_mine
            )
        except StoreError as error:
            raise StoreError(
                Problem(each.place, f"adding {path}: {each.message}", each.hint)
                for each in error.problems
            ) from None
        on_bytes(entry.size_bytes - heard)
        return entry

    def _put_layer(self, entry: FileEntry, hashes: Hashes) -> None:
        if len(hashes.layer) > HASH_BYTES:  # of a single piece it would be the root again
            self.objects.put(layer_name(entry.pieces_root), hashes.layer)

    def declare(self, manifest: Manifest) -> None:
        """Give a set its name; all of its files were added before.

        Raises StoreError naming each that the store lacks: the name is not given then.
        """
        there = {each.name: each.size_bytes for each in self.objects.listed("blobs/")}
        lost = [
            Problem(
                f"{self.place}/{blob_name(file.sha256)}", f"expected {file.path}, found nothing"
            )
            for file in manifest.files
            if there.get(blob_name(file.sha256)) != file.size_bytes
        ]
        if lost:
            raise StoreError(lost)
        self.objects.put(set_name(manifest.kind, manifest.name), manifest.to_json().encode())

    def path_of(self, file: FileEntry) -> Path | None:
        """The file here, for who reads a part of it unchecked; None of a store elsewhere."""
        return self.objects.local_path(blob_name(file.sha256))

    def url(self, file: FileEntry, expires_s: int) -> str | None:
        """Where whoever has it may GET ranges of the file for so long: a secret. None of a store
        that gives out none."""
        return self.objects.url(blob_name(file.sha256), expires_s)

    def _load(self, kind: Kind, name: str) -> Manifest:
        place = f"{self.place}/{set_name(kind, name)}"
        text = b"".join(self.objects.stream(set_name(kind, name)))
        try:
            manifest = Manifest.of_json(text)
        except ValueError as error:
            if _is_earlier(text):
                raise StoreError.of(
                    place,
                    "expected a manifest with the hashes of its files' pieces, got one of an "
                    "earlier Freehold",
                    f"put it again, files that are there are kept: fab {kind.put_task} PATH "
                    f"--name {name}",
                ) from None
            shown = str(error).splitlines()
            raise StoreError.of(
                place, "\n".join(["expected a manifest, got", *shown[:5]])
            ) from None
        if (manifest.kind, manifest.name) != (kind, name):
            raise StoreError.of(
                place, f"expected {kind} {name}, got {manifest.kind} {manifest.name}"
            )
        return manifest


def blob_name(sha256: str) -> str:
    """The object that is a file."""
    return f"blobs/{sha256[:2]}/{sha256}"


def layer_name(pieces_root: str) -> str:
    """The object that has the hashes of a file's pieces."""
    return f"layers/{pieces_root[:2]}/{pieces_root}"


def set_name(kind: Kind, name: str) -> str:
    """The object that is a set's manifest."""
    return f"{kind}/{name}{_SUFFIX}"


def verify(store: Store, manifest: Manifest, on_bytes: Callable[[int], None]) -> None:
    """Read every file of a set again. Raises StoreError naming every damaged one."""
    problems: list[Problem] = []
    for file in manifest.files:
        try:
            for chunk in store.read(file):
                on_bytes(len(chunk))
            store.layer(file)
        except StoreError as error:
            problems += error.problems
    if problems:
        raise StoreError(problems)


def _is_earlier(text: bytes) -> bool:
    """Whether it is a manifest but for the hashes of pieces."""
    try:
        known = json.loads(text)
        for file in known["files"]:
            file.setdefault("pieces_root", "0" * 64)
        Manifest.of_json(json.dumps(known))
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return True
