"""What no honest sender asks for is refused before a byte of it is written."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import time
from hashlib import sha256
from typing import Any

import pytest

from freehold.agent.merkle import HASH_BYTES, PIECE_BYTES_MAX, TreeBuilder, layer_root
from freehold.agent.order import Order, OrderedFile, OrderError
from freehold.apply.pieces import Pieces

CONTENT = os.urandom(5 << 20)
MILLION = 1 << 20


def tree(content: bytes) -> bytes:
    builder = TreeBuilder(len(content))
    builder.update(content)
    return builder.finish()


LAYER = tree(CONTENT)
FILE = OrderedFile(
    "model.gguf",
    len(CONTENT),
    sha256(CONTENT).hexdigest(),
    layer_root(LAYER, 4 << 20, len(CONTENT)).hex(),
    False,
)
ORDER = Order("/var/lib/freehold/weights/m-1", "d" * 64, 4 << 20, (FILE,), LAYER)


def test_an_order_comes_back_as_it_was_sent() -> None:
    assert Order.of_bytes(ORDER.to_bytes()) == ORDER


@pytest.mark.parametrize(
    "path",
    [
        "../etc/passwd",
        "/etc/passwd",
        "a/../../b",
        "a//b",
        "./a",
        ".freehold-proof",
        "a/.hidden",
        "",
        "a\nb",
        "a b",
        "a\x00b",
        "x" * 1001,
        "ä",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(OrderError, match="path: expected"):
        dataclasses.replace(ORDER, files=(dataclasses.replace(FILE, path=path),))


@pytest.mark.parametrize(
    "changed",
    [
        {"folder": "weights/m"},
        {"folder": "/var/lib/../../etc"},
        {"piece_bytes": 3 << 20},
        {"piece_bytes": 0},
        {"files": (dataclasses.replace(FILE, size_bytes=-1),)},
        {"files": (dataclasses.replace(FILE, size_bytes=len(CONTENT) + (4 << 20)),)},
        {"files": (dataclasses.replace(FILE, root="0" * 64),)},
        {"files": (dataclasses.replace(FILE, sha256="no hash"),)},
        {"files": (FILE, FILE), "layers": LAYER * 2},
        {
            "files": (FILE, dataclasses.replace(FILE, path="model.gguf/inside")),
            "layers": LAYER * 2,
        },
        {"layers": LAYER[:-1]},
        {"layers": LAYER[:-1] + bytes([LAYER[-1] ^ 1])},
        {"layers": LAYER + bytes(32)},
    ],
)
def test_an_order_that_does_not_fit_itself_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(OrderError):
        dataclasses.replace(ORDER, **changed)


@pytest.mark.parametrize("head", [b"", b"{}", b"[]", b"\xff", b'{"layers_bytes": "many"}'])
def test_what_is_no_order_is_refused(head: bytes) -> None:
    with pytest.raises(OrderError):
        Order.of_bytes(head + b"\n")


@pytest.mark.parametrize("key", ["folder", "files", "digest", "piece_bytes"])
def test_an_order_that_lacks_something_is_refused(key: str) -> None:
    head, _, layers = ORDER.to_bytes().partition(b"\n")
    known = json.loads(head)
    del known[key]
    with pytest.raises(OrderError):
        Order.of(json.dumps(known).encode(), layers)


def test_a_million_pieces_are_planned_in_seconds_and_little_memory() -> None:
    size = MILLION * PIECE_BYTES_MAX // 16  # 16 files, 64 TB together
    layer = bytes(HASH_BYTES) * (MILLION // 16)
    root = layer_root(layer, PIECE_BYTES_MAX, size).hex()
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    files = tuple(OrderedFile(f"part-{n}", size, f"{n:064x}", root, False) for n in range(16))
    order = Order("/var/lib/freehold/weights/big-1", "d" * 64, PIECE_BYTES_MAX, files, layer * 16)
    again = Order.of_bytes(order.to_bytes())
    pieces = Pieces([(n, 0, again.pieces(n)) for n in range(16)], 4)
    taken = 0
    while taken < MILLION and (run := pieces.take()):
        taken += run[2]
        for _ in range(run[2]):
            pieces.arrived()
    assert (taken, order.size_bytes) == (MILLION, 64 << 40)
    assert time.process_time() - began < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 600 * 1024
