"""Read a set that lies on a node again, every piece from the disk itself, and keep what is bad."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from freehold.agent.check import JOB_BYTES, Run, bad_pieces
from freehold.agent.frames import say
from freehold.agent.guard import error_level
from freehold.agent.marks import (
    CURSOR,
    Pieces,
    Verification,
    read_damage,
    write_damage,
    write_durably,
    write_verified,
)
from freehold.agent.order import Order, OrderError
from freehold.agent.staging import ORDER

BATCH_BYTES = 1 << 30  # of which an interruption costs at most one
SHOWN_MAX = 20


def verify(folder: str) -> int:
    """Read the set in `folder`, on all cores, for who waits for it: JSON lines on stdout.

    `{"read": N}` now and then; at the end `{"bad": [[PATH, OFFSET, SIZE], ...]}`, empty where all
    is right. Raises OSError, OrderError where there is no set.
    """
    order, bad = verify_set(Path(folder), lambda size: say(json.dumps({"read": size})))
    say(json.dumps({"bad": [_told(order, file, piece) for file, piece in bad]}))
    return 0


def scrub(root: str) -> int:
    """Read every set under `root`, on one core, for the journal; exit status 1 if any is bad.

    A set that was read in part goes on where it was.
    """
    found_bad = False
    for path in sorted(Path(root).glob(f"*/*/{ORDER}")):
        folder = path.parent
        if folder.name.endswith(".partial"):
            continue
        try:
            order, bad = verify_set(folder, lambda _size: None, workers=1, resumes=True)
        except (OSError, OrderError) as error:
            print(f"{error_level()}{folder}: {error}", file=sys.stderr)
            found_bad = True
            continue
        for file, piece in bad[:SHOWN_MAX]:
            name, offset, size = _told(order, file, piece)
            print(
                f"{error_level()}{folder}/{name}: bytes {offset} to {offset + size} are not what "
                "they were; fab weights.sync fetches them again",
                file=sys.stderr,
            )
        found_bad = found_bad or bool(bad)
        print(f"{folder}: {len(bad) or 'no'} bad pieces in {order.size_bytes} bytes")
    return 1 if found_bad else 0


def verify_set(
    folder: Path,
    on_bytes: Callable[[int], None],
    workers: int | None = None,
    resumes: bool = False,
) -> tuple[Order, Pieces]:
    """Read every piece, in `workers` processes (all cores); what is bad is kept in the folder.

    Raises OSError, OrderError where there is no set, or another came while it was read.
    """
    order, identity = Order.of_bytes((folder / ORDER).read_bytes()), folder.stat().st_ino
    began_s, start, bad = time.time(), (0, 0), Pieces()
    if resumes:
        began_s, start = _read_cursor(folder, began_s)
        bad = read_damage(folder) if start != (0, 0) else []
    for batch, following in _batches(order, start):
        found = bad_pieces(folder, order, batch, on_bytes, workers, from_disk=True)
        if folder.stat().st_ino != identity:
            raise OrderError("another set came in its place while it was read")
        if found:
            bad = sorted({*bad, *found})
            write_damage(folder, order, bad)
        if resumes:
            write_durably(folder / CURSOR, json.dumps([began_s, *following]))
    if not bad:
        write_verified(folder, Verification(began_s, time.time(), order.size_bytes))
    (folder / CURSOR).unlink(missing_ok=True)
    return order, bad


def _told(order: Order, file: int, piece: int) -> tuple[str, int, int]:
    return order.files[file].path, piece * order.piece_bytes, order.piece_size(file, piece)


def _read_cursor(folder: Path, now_s: float) -> tuple[float, tuple[int, int]]:
    with contextlib.suppress(OSError, ValueError):
        began_s, file, piece = json.loads((folder / CURSOR).read_bytes())
        return began_s, (file, piece)
    return now_s, (0, 0)


def _batches(order: Order, start: tuple[int, int]) -> Iterator[tuple[list[Run], tuple[int, int]]]:
    """Runs of about BATCH_BYTES from `start` (file, piece), and where the next batch begins."""
    step = max(1, JOB_BYTES // order.piece_bytes)
    batch: list[Run] = []
    size = 0
    for file in range(start[0], len(order.files)):
        if order.twin(file) != file:
            continue
        for first in range(start[1] if file == start[0] else 0, order.pieces(file), step):
            count = min(step, order.pieces(file) - first)
            batch.append((file, first, count))
            size += count * order.piece_bytes
            if size >= BATCH_BYTES:
                yield batch, (file, first + count)
                batch, size = [], 0
    if batch:
        yield batch, (len(order.files), 0)
