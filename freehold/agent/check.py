"""Read files back and hash every piece, on all cores."""

from __future__ import annotations

import errno
import mmap
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from freehold.agent.merkle import hash_piece
from freehold.agent.order import Order

JOB_BYTES = 64 << 20
WORKERS_MAX = 16
PR_SET_PDEATHSIG = 1  # prctl(2)

Run = tuple[int, int, int]
"""Pieces of one file that follow each other: the file, the first, how many."""


def bad_pieces(
    folder: Path,
    order: Order,
    runs: Iterable[Run],
    on_bytes: Callable[[int], None],
    workers: int | None = None,
    from_disk: bool = False,
) -> list[tuple[int, int]]:
    """The pieces (file, piece) of `runs` that are not what `order` says, or cannot be read.

    `on_bytes` hears of what was read, by `workers` processes (as many as cores). `from_disk` reads
    past the page cache, which would show what was written and not what the disk holds now; nor
    does it push out of there what a server has mapped. Memory: one piece a core.
    """
    jobs = list(_jobs(order, runs))
    workers = min(len(jobs), workers or len(os.sched_getaffinity(0)), WORKERS_MAX)
    if workers <= 1:
        done = (_check((folder, order, from_disk, job)) for job in jobs)
        return _collect(done, on_bytes)
    # Forked: this process has one thread, and the order's hashes are not sent a second time.
    adopt = (folder, order, from_disk)
    with multiprocessing.get_context("fork").Pool(workers, _adopt, adopt) as pool:
        return _collect(pool.imap_unordered(_check_adopted, jobs), on_bytes)


def all_runs(order: Order) -> Iterator[Run]:
    """Every piece of every file."""
    return ((file, 0, order.pieces(file)) for file in range(len(order.files)))


Checked = tuple[list[tuple[int, int]], int]
_adopted: list[tuple[Path, Order, bool]] = []


def _adopt(folder: Path, order: Order, from_disk: bool) -> None:
    _adopted.append((folder, order, from_disk))


def _check_adopted(job: Run) -> Checked:
    return _check((*_adopted[0], job))


def _check(work: tuple[Path, Order, bool, Run]) -> Checked:
    folder, order, from_disk, (file, first, count) = work
    bad, size = [], 0
    buffer = aligned(order.piece_size(file, first))
    try:
        descriptor = open_read(folder / order.files[file].path, from_disk)
    except OSError:
        return [(file, piece) for piece in range(first, first + count)], 0
    try:
        for piece in range(first, first + count):
            view = buffer[: order.piece_size(file, piece)]
            if not read_at(descriptor, buffer, len(view), piece * order.piece_bytes) or (
                hash_piece(view, order.piece_bytes, order.files[file].size_bytes)
                != order.piece_hash(file, piece)
            ):
                bad.append((file, piece))
            size += len(view)
    finally:
        os.close(descriptor)
    return bad, size


def aligned(size_bytes: int) -> memoryview:
    """Memory that the disk can write to directly, of at least `size_bytes`: whole pages."""
    return memoryview(mmap.mmap(-1, -(-size_bytes // mmap.PAGESIZE) * mmap.PAGESIZE))


def open_read(path: Path | str, from_disk: bool) -> int:
    """A descriptor; `from_disk` past the page cache, where the filesystem can do that."""
    flags = os.O_RDONLY | os.O_NOFOLLOW
    if from_disk:
        try:
            return os.open(path, flags | os.O_DIRECT)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
    descriptor = os.open(path, flags)
    if from_disk:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    return descriptor


def read_at(descriptor: int, buffer: memoryview, size_bytes: int, offset: int) -> bool:
    """Fill `size_bytes` of `buffer`; False where the file ends before, or its medium gives less.

    The rest of `buffer` may be filled too: a direct read is of whole blocks.
    """
    filled = 0
    while filled < size_bytes:
        try:
            count = os.preadv(descriptor, [buffer[filled:]], offset + filled)
        except OSError:
            return False
        if not count:
            return False
        filled += count
    return True


def _collect(done: Iterable[Checked], on_bytes: Callable[[int], None]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for bad, size in done:
        found += bad
        on_bytes(size)
    return sorted(found)


def _jobs(order: Order, runs: Iterable[Run]) -> Iterator[Run]:
    step = max(1, JOB_BYTES // order.piece_bytes)
    for file, first, count in runs:
        for start in range(first, first + count, step):
            yield file, start, min(step, first + count - start)
