"""What a sender says on stdin: frames of pieces, and the word that all were sent."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from freehold.agent.order import HEAD_BYTES_MAX, Order, OrderError

HEAD = struct.Struct(">BIII")  # kind, file, piece, length
PIECE, FINISH, NEWS = 1, 2, 3


def read_order(source: BinaryIO) -> Order:
    """The order that a sender begins with."""
    head = source.readline(HEAD_BYTES_MAX)
    _known, size = Order.of_head(head)
    return Order.of(head, source.read(size))


def read_frames(
    source: BinaryIO,
    piece_bytes: int,
    on_piece: Callable[[int, int, memoryview], None],
    on_finish: Callable[[], None],
    on_news: Callable[[bytes], None] | None = None,
) -> None:
    """Hand on every frame until stdin ends; a piece that is cut short is not handed on."""
    buffer = memoryview(bytearray(piece_bytes))
    while len(head := source.read(HEAD.size)) == HEAD.size:
        kind, file, piece, length = HEAD.unpack(head)
        if kind == FINISH:
            on_finish()
            continue
        if kind == NEWS and on_news is not None:
            on_news(source.read(length))
            continue
        if kind != PIECE or length > piece_bytes:
            raise OrderError(f"expected a frame of a piece, got kind {kind}, {length} bytes")
        filled = 0
        while filled < length:
            count = source.readinto(buffer[filled:length])  # type: ignore[attr-defined]
            if not count:
                return
            filled += count
        on_piece(file, piece, buffer[:length])


def say(line: str) -> None:
    """One line to the sender, now."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def stdin() -> Any:
    """The sender's bytes; large reads go past the buffer."""
    return sys.stdin.buffer
