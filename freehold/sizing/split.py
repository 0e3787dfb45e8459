"""Contiguous runs of entries over devices: which device gets how many."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

_HALVINGS = 24
_SLACK = 1 + 1e-9  # the bound is a float that was halved towards its limit


def split(
    sizes: Sequence[float], rooms: Sequence[float], may_begin: Sequence[bool]
) -> tuple[int, ...]:
    """How many entries each device takes, in order: the fullest is as empty as can be, and below
    that bound all are filled as evenly as can be, so that none idles.

    `sizes` are the entries' bytes, `rooms` what each device can hold of them (what is not
    positive holds nothing). A device after the first begins only where `may_begin`. The sum of
    the result is always len(sizes); whether it fits is for the caller to see.
    """
    rooms = [max(room, 1.0) for room in rooms]
    low, high = 0.0, 2.0 * len(rooms) * sum(sizes) / min(rooms) + 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _is_enough(sizes, rooms, may_begin, middle):
            high = middle
        else:
            low = middle
    return _evenly(sizes, rooms, may_begin, high * _SLACK)


def _is_enough(
    sizes: Sequence[float], rooms: Sequence[float], may_begin: Sequence[bool], fraction: float
) -> bool:
    """Whether all find a place where no device is filled beyond `fraction` of its room."""
    at = 0
    for room in rooms:
        begin, load = at, 0.0
        while at < len(sizes) and load + sizes[at] <= fraction * room:
            load += sizes[at]
            at += 1
        while begin < at < len(sizes) and not may_begin[at]:
            at -= 1
    return at == len(sizes)


def _evenly(
    sizes: Sequence[float], rooms: Sequence[float], may_begin: Sequence[bool], fraction: float
) -> tuple[int, ...]:
    """The split within `fraction` whose squared fills add up to least: by dynamic programming."""
    until = [0.0, *accumulate(sizes)]
    ends = [at for at in range(len(sizes) + 1) if at == len(sizes) or may_begin[at] or at == 0]
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for room in rooms:
        reached: dict[int, tuple[float, tuple[int, ...]]] = {}
        for begin, (cost, counts) in best.items():
            for end in ends:
                if end < begin:
                    continue
                fill = (until[end] - until[begin]) / room
                if fill > fraction:
                    break
                total = cost + fill * fill
                if end not in reached or total < reached[end][0]:
                    reached[end] = (total, (*counts, end - begin))
        best = reached
    return best[len(sizes)][1]
