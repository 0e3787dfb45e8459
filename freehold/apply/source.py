"""A set in a store as a sender reads it: by piece, without a copy where the store lies here."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from freehold.agent.merkle import coarsened, hash_piece, piece_bytes_of
from freehold.agent.order import Order, OrderedFile
from freehold.hosts.talk import Talk
from freehold.weights.manifest import FileEntry, Manifest
from freehold.weights.objects import StoreError
from freehold.weights.store import Store


def order_of(manifest: Manifest, store: Store) -> Order:
    """What a node is told to receive. Raises StoreError where the store lost a piece's hash."""
    layers = (
        coarsened(
            store.layer(file),
            piece_bytes_of(file.size_bytes),
            file.size_bytes,
            manifest.piece_bytes,
        )
        for file in manifest.files
    )
    files = (
        OrderedFile(f.path, f.size_bytes, f.sha256, f.pieces_root, f.executable)
        for f in manifest.files
    )
    return Order(
        manifest.node_folder, manifest.digest, manifest.piece_bytes, tuple(files), b"".join(layers)
    )


class Source:
    """The pieces of `order`, from the files of a set in `store`."""

    def __init__(self, store: Store, files: tuple[FileEntry, ...], order: Order) -> None:
        self._store, self._files, self._order = store, files, order

    @property
    def place(self) -> str:
        """See Store.place."""
        return self._store.place

    @contextlib.contextmanager
    def run(self, file: int, first: int) -> Iterator[PieceReader]:
        """To send pieces of one file one after the other, from `first` on."""
        path = self._store.path_of(self._files[file])
        offset = first * self._order.piece_bytes
        if path is None:
            yield _StreamReader(self._store.stream(self._files[file], offset))
            return
        with _opened(path, self._files[file]) as descriptor:
            yield _FileReader(descriptor, offset)

    def url(self, file: int, expires_s: int) -> str | None:
        """See Store.url."""
        return self._store.url(self._files[file], expires_s)

    def require_piece(self, file: int, piece: int) -> None:
        """Raises StoreError where the store's own copy of the piece is damaged."""
        order, entry = self._order, self._files[file]
        size = order.piece_size(file, piece)
        data = b"".join(self._store.stream(entry, piece * order.piece_bytes, size))
        found = hash_piece(data, order.piece_bytes, entry.size_bytes)
        if len(data) != size or found != order.piece_hash(file, piece):
            raise self.damaged(file, piece)

    def damaged(self, file: int, piece: int) -> StoreError:
        """What to say of a piece that the store has not as it was put."""
        entry = self._files[file]
        place = self._store.path_of(entry) or self._store.place
        start = piece * self._order.piece_bytes
        end = start + self._order.piece_size(file, piece)
        return StoreError.of(
            str(place),
            f"{entry.path} is damaged in the store\n"
            f"expected its bytes {start:,} to {end:,} as they were put, found others",
            "put it into the store again; nothing was placed on a node",
        )


class PieceReader:
    """The next bytes of a file, sent to a node."""

    def send(self, talk: Talk, size_bytes: int) -> int:
        """Send the next `size_bytes`; how many there were."""
        raise NotImplementedError


class _FileReader(PieceReader):
    def __init__(self, descriptor: int, offset: int) -> None:
        self._descriptor, self._offset = descriptor, offset

    def send(self, talk: Talk, size_bytes: int) -> int:
        sent = talk.send_file(self._descriptor, self._offset, size_bytes)
        self._offset += sent
        return sent


class _StreamReader(PieceReader):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, memoryview(b"")

    def send(self, talk: Talk, size_bytes: int) -> int:
        sent = 0
        while sent < size_bytes:
            if not self._rest:
                self._rest = memoryview(next(self._chunks, b""))
                if not self._rest:
                    break
            part = self._rest[: size_bytes - sent]
            talk.send(part)
            self._rest = self._rest[len(part) :]
            sent += len(part)
        return sent


@contextlib.contextmanager
def _opened(path: Path, entry: FileEntry) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise StoreError.of(str(path), f"expected {entry.path}, got {error.strerror}") from None
    try:
        size = os.fstat(descriptor).st_size
        if size != entry.size_bytes:
            raise StoreError.of(
                str(path),
                f"{entry.path} is damaged in the store\n"
                f"expected {entry.size_bytes:,} bytes, found {size:,}",
                "put it into the store again; nothing was placed on a node",
            )
        yield descriptor
    finally:
        os.close(descriptor)
