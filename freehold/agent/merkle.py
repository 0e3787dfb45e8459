"""The hash tree of BitTorrent v2 (BEP 52): SHA-256 over leaves of 16 KiB, two by two to a root."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

LEAF_BYTES = 16 << 10
HASH_BYTES = 32
PIECE_BYTES_MIN = 4 << 20
PIECE_BYTES_MAX = 64 << 20
PIECES_WANTED = 16_384  # of the largest file, beyond which pieces double: 512 KiB of hashes


def piece_bytes_of(size_bytes: int) -> int:
    """The piece length of a file of `size_bytes`; of a set, that of its largest file."""
    length = PIECE_BYTES_MIN
    while size_bytes > length * PIECES_WANTED and length < PIECE_BYTES_MAX:
        length *= 2
    return length


def piece_count(size_bytes: int, piece_bytes: int) -> int:
    """How many pieces a file has; none if it is empty."""
    return -(-size_bytes // piece_bytes)


def hash_piece(data: memoryview | bytes, piece_bytes: int, file_bytes: int) -> bytes:
    """The hash of one piece: of a file longer than one it is padded to its full length.

    BEP 52: "The remaining leaf hashes beyond the end of the file required to construct upper
    layers of the merkle tree are set to zero"; a file within one piece has its root here.
    """
    leaves = [sha256(data[i : i + LEAF_BYTES]).digest() for i in range(0, len(data), LEAF_BYTES)]
    width = piece_bytes // LEAF_BYTES if file_bytes > piece_bytes else _power_of_two(len(leaves))
    return _top(leaves, width, 0)


def layer_root(layer: bytes, piece_bytes: int, file_bytes: int) -> bytes:
    """The root of a file, from the hashes of all its pieces; empty for an empty file."""
    hashes = list(_hashes(layer))
    if not hashes:
        return b""
    height = (piece_bytes // LEAF_BYTES).bit_length() - 1 if file_bytes > piece_bytes else 0
    return _top(hashes, _power_of_two(len(hashes)), height)


def coarsened(layer: bytes, piece_bytes: int, file_bytes: int, wanted_bytes: int) -> bytes:
    """The hashes of longer pieces, of `wanted_bytes`, from those of `piece_bytes`."""
    if file_bytes <= wanted_bytes:
        return layer_root(layer, piece_bytes, file_bytes)
    hashes = list(_hashes(layer))
    height = (piece_bytes // LEAF_BYTES).bit_length() - 1
    together = wanted_bytes // piece_bytes
    if together == 1:
        return layer
    groups = (hashes[i : i + together] for i in range(0, len(hashes), together))
    return b"".join(_top(group, together, height) for group in groups)


class TreeBuilder:
    """The piece hashes of a file, from its bytes as they pass."""

    def __init__(self, file_bytes: int) -> None:
        self._file_bytes, self._piece_bytes = file_bytes, piece_bytes_of(file_bytes)
        self._pending = bytearray()
        self._leaves: list[bytes] = []
        self._layer = bytearray()

    def update(self, data: bytes) -> None:
        """The next bytes of the file."""
        self._pending += data
        whole = len(self._pending) // LEAF_BYTES * LEAF_BYTES
        view = memoryview(self._pending)
        for i in range(0, whole, LEAF_BYTES):
            self._add(view[i : i + LEAF_BYTES])
        view.release()
        del self._pending[:whole]

    def finish(self) -> bytes:
        """The layer: the pieces' hashes, 32 bytes each, one after the other."""
        if self._pending:
            self._add(memoryview(self._pending))
        if self._leaves:
            self._end_piece()
        return bytes(self._layer)

    def _add(self, leaf: memoryview) -> None:
        self._leaves.append(sha256(leaf).digest())
        if len(self._leaves) * LEAF_BYTES == self._piece_bytes:
            self._end_piece()

    def _end_piece(self) -> None:
        alone = self._file_bytes <= self._piece_bytes
        count = len(self._leaves)
        width = _power_of_two(count) if alone else self._piece_bytes // LEAF_BYTES
        self._layer += _top(self._leaves, width, 0)
        self._leaves = []


def _top(hashes: list[bytes], width: int, height: int) -> bytes:
    """The hash over `width` nodes of `height` above the leaves; those that lack are of zeros."""
    row = hashes
    while width > 1:
        if len(row) % 2:
            row = [*row, _zero(height)]
        row = [sha256(row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
        width //= 2
        height += 1
    return row[0]


def _zero(height: int) -> bytes:
    """The hash of a tree of `height` whose leaves are all zero."""
    node = bytes(HASH_BYTES)
    for _ in range(height):
        node = sha256(node + node).digest()
    return node


def _hashes(layer: bytes) -> Iterator[bytes]:
    return (layer[i : i + HASH_BYTES] for i in range(0, len(layer), HASH_BYTES))


def _power_of_two(count: int) -> int:
    return 1 << max(count - 1, 0).bit_length()
