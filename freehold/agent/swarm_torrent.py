"""An order as a torrent, the same on every node, so that they share it without being sent one."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from freehold.agent.order import Order
from freehold.agent.staging import staging_of


@dataclass(frozen=True)
class PieceNumbers:
    """Numbers of the pieces of an order, over all of its files.

    `files` are the indices of the files that are moved, `firsts` the number of each one's first
    piece, and at last how many pieces there are.
    """

    files: tuple[int, ...]
    firsts: tuple[int, ...]

    @classmethod
    def of(cls, order: Order) -> PieceNumbers:
        """As BitTorrent v2 numbers them: files in the order of the raw bytes of their names,
        folder by folder (BEP 52, BEP 3's sorted keys), each beginning with a piece of its own."""
        own = (index for index in range(len(order.files)) if order.twin(index) == index)
        files = sorted(own, key=lambda index: order.files[index].path.encode().split(b"/"))
        firsts = [0]
        for index in files:
            firsts.append(firsts[-1] + order.pieces(index))
        return cls(tuple(files), tuple(firsts))

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return self.firsts[-1]

    def piece(self, number: int) -> tuple[int, int]:
        """The file and its piece that have this number. Raises IndexError."""
        if not 0 <= number < self.count:
            raise IndexError(f"no piece {number}")
        place = bisect_right(self.firsts, number) - 1
        return self.files[place], number - self.firsts[place]

    def first(self, file: int) -> int:
        """The number of a file's first piece. Raises ValueError for one that is not moved."""
        return self.firsts[self.files.index(file)]


def torrent_of(order: Order, ca_pem: str) -> dict[bytes, Any]:
    """A private torrent of version 2 alone (BEP 52), before it is encoded.

    Only who has a certificate of `ca_pem` takes part ("ssl-cert", libtorrent's SSL torrents).
    """
    tree: dict[bytes, Any] = {}
    layers: dict[bytes, bytes] = {}
    for index in PieceNumbers.of(order).files:
        file, node = order.files[index], tree
        for step in file.path.split("/"):
            node = node.setdefault(step.encode(), {})
        node[b""] = {b"length": file.size_bytes}
        if file.size_bytes:
            node[b""][b"pieces root"] = bytes.fromhex(file.root)
        # BEP 52: only "for each file in the file tree that is larger than the piece size".
        if file.size_bytes > order.piece_bytes:
            hashes = (order.piece_hash(index, piece) for piece in range(order.pieces(index)))
            layers[bytes.fromhex(file.root)] = b"".join(hashes)
    info = {
        b"file tree": tree,
        b"meta version": 2,
        b"name": staging_of(order.folder).name.encode(),
        b"piece length": order.piece_bytes,
        b"private": 1,
        b"ssl-cert": ca_pem.encode(),
    }
    return {b"info": info, b"piece layers": layers}


def save_path_of(order: Order) -> str:
    """The folder to give libtorrent, for which a lone file in no folder is the whole torrent."""
    staging = staging_of(order.folder)
    files = PieceNumbers.of(order).files
    is_alone = len(files) == 1 and "/" not in order.files[files[0]].path
    return str(staging if is_alone else staging.parent)
