"""Sets that arrived whole in a folder of this machine, by the agent's own parts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from freehold.agent.begin import begin
from freehold.agent.finish import finish
from freehold.agent.landing import Landing
from freehold.agent.merkle import TreeBuilder, coarsened, layer_root, piece_bytes_of
from freehold.agent.order import Order, OrderedFile

PIECE_BYTES = piece_bytes_of(0)


def order_of(folder: Path, files: Mapping[str, bytes]) -> Order:
    """What is to lie in `folder`."""
    ordered, layers = [], b""
    for path, content in files.items():
        tree = TreeBuilder(len(content))
        tree.update(content)
        layer = tree.finish()
        root = layer_root(layer, PIECE_BYTES, len(content)).hex()
        layers += coarsened(layer, PIECE_BYTES, len(content), PIECE_BYTES)
        sha256 = hashlib.sha256(content).hexdigest()
        ordered.append(OrderedFile(path, len(content), sha256, root, executable=False))
    return Order(str(folder), "d" * 64, PIECE_BYTES, tuple(ordered), layers)


def arrive(folder: Path, files: Mapping[str, bytes]) -> tuple[Order, int]:
    """Have the set of `files` in `folder`; its order, and how many pieces were moved for it."""
    order = order_of(folder, files)
    staging = begin(order, lambda _size: None)
    landing, moved = Landing.open(order.folder), 0
    for file, first, count in list(staging.missing()):
        content = files[order.files[file].path]
        for piece in range(first, first + count):
            start = piece * PIECE_BYTES
            assert landing.land(file, piece, memoryview(content[start : start + PIECE_BYTES]))
            moved += 1
    landing.close()
    assert finish(staging, lambda _size: None)
    return order, moved


def flip(path: Path, offset: int) -> None:
    """Another bit on the disk, with nothing that `stat` shows changed."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
