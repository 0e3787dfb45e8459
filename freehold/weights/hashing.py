"""The two identities of a file, its SHA-256 and its BitTorrent v2 tree, in one pass over it."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from freehold.agent.merkle import TreeBuilder, layer_root, piece_bytes_of
from freehold.weights.objects import CHUNK_BYTES, StoreError


@dataclass(frozen=True)
class Hashes:
    """`sha256` and `root` are hex; `layer` has 32 bytes for each piece of `piece_bytes_of`."""

    size_bytes: int
    sha256: str
    root: str
    layer: bytes


def hash_file(path: Path, on_bytes: Callable[[int], None]) -> Hashes:
    """Read it once, on two cores. Raises OSError, and StoreError for a file that grows or shrinks.

    `on_bytes` hears the size of each part that was read.
    """
    digest = sha256()
    with path.open("rb") as source, ThreadPoolExecutor(1) as pool:
        size = os.fstat(source.fileno()).st_size
        tree, read = TreeBuilder(size), 0
        while chunk := source.read(CHUNK_BYTES):
            whole = pool.submit(digest.update, chunk)
            tree.update(chunk)
            whole.result()
            read += len(chunk)
            on_bytes(len(chunk))
    if read != size:
        raise StoreError.of(str(path), f"it changed while it was read: {size} bytes, then {read}")
    layer = tree.finish()
    root = layer_root(layer, piece_bytes_of(size), size)
    return Hashes(size, digest.hexdigest(), root.hex(), layer)
