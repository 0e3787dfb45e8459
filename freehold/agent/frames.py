"""What a sender says on stdin: frames of pieces, and the word that all were sent."""

from __future__ import annotations

import contextlib
import fcntl
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from freehold.agent.check import aligned
from freehold.agent.order import HEAD_BYTES_MAX, Order, OrderError

HEAD = struct.Struct(">BIII")  # kind, file, piece, length
PIECE, FINISH, NEWS = 1, 2, 3
F_SETPIPE_SZ = 1031  # fcntl(2); Python has its name from 3.10 on
PIPE_BYTES = 1 << 20  # the kernel's own limit for whoever is not root


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
    buffer = aligned(piece_bytes)  # so that a piece can be written past the page cache
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
    """The sender's bytes, in a pipe that holds more than the usual 64 KiB: reads take half the CPU
    then. Large reads go past the buffer."""
    with contextlib.suppress(OSError):  # no pipe, or a limit of the kernel's
        fcntl.fcntl(sys.stdin, F_SETPIPE_SZ, PIPE_BYTES)
    return sys.stdin.buffer
