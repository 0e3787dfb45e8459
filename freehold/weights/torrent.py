"""A set as a BitTorrent v2 torrent, so that any v2 client can check, mend or serve its files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from freehold.agent.merkle import coarsened, piece_bytes_of
from freehold.weights.manifest import FileEntry, Manifest

META_VERSION = 2


@dataclass(frozen=True)
class Torrent:
    """`content` is the .torrent; `info_hash` is its v2 info-hash, SHA-256 in hex."""

    content: bytes
    info_hash: str


def torrent_of(
    manifest: Manifest, layers: Mapping[str, bytes], ca_pem: bytes | None = None
) -> Torrent:
    """A private torrent of version 2 alone (BEP 52), named as the set; it names no tracker.

    `layers` has, for the `pieces_root` of each file longer than the set's `piece_bytes`, the
    hashes of the file's pieces, of that file's own `piece_bytes_of`. With `ca_pem` only peers
    with a certificate of that authority take part ("ssl-cert", libtorrent's SSL torrents). A
    client has the files in a folder of the set's name; a set of one file in no folder is, to
    libtorrent, that file alone.
    """
    info: dict[bytes, Any] = {
        b"file tree": _tree(manifest.files),
        b"meta version": META_VERSION,
        b"name": manifest.name.encode(),
        b"piece length": manifest.piece_bytes,
        b"private": 1,
    }
    if ca_pem is not None:
        info[b"ssl-cert"] = ca_pem
    piece_layers = {
        bytes.fromhex(file.pieces_root): coarsened(
            layers[file.pieces_root],
            piece_bytes_of(file.size_bytes),
            file.size_bytes,
            manifest.piece_bytes,
        )
        for file in manifest.files
        # BEP 52: only "for each file in the file tree that is larger than the piece size".
        if file.size_bytes > manifest.piece_bytes
    }
    content = bencode({b"info": info, b"piece layers": piece_layers})
    return Torrent(content, hashlib.sha256(bencode(info)).hexdigest())


def bencode(value: Mapping[bytes, Any] | bytes | int) -> bytes:
    """BEP 3's encoding; the keys of a mapping are sorted as raw bytes."""
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, int):
        return b"i%de" % value
    pairs = (bencode(key) + bencode(value[key]) for key in sorted(value))
    return b"d%se" % b"".join(pairs)


def _tree(files: tuple[FileEntry, ...]) -> dict[bytes, Any]:
    """BEP 52's file tree: a mapping for each folder, and for a file one with the key ""."""
    tree: dict[bytes, Any] = {}
    for file in files:
        node = tree
        for step in file.path.split("/"):
            node = node.setdefault(step.encode(), {})
        node[b""] = _leaf(file)
    return tree


def _leaf(file: FileEntry) -> dict[bytes, Any]:
    leaf: dict[bytes, Any] = {b"length": file.size_bytes}
    if file.pieces_root:
        leaf[b"pieces root"] = bytes.fromhex(file.pieces_root)
    if file.executable:
        leaf[b"attr"] = b"x"  # BEP 47
    return leaf
