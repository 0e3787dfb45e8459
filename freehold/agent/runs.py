"""Which piece of a set comes next: files in turn, so that several of them are written at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

Run = tuple[int, int, int]
"""Pieces of one file that follow each other: the file, the first, how many."""


class Runs:
    """Long runs cut into numbered ones of at most `pieces_max`. Memory follows the long ones.

    The order: the first of each, the second of each that has one, and so on.
    """

    def __init__(self, missing: Iterable[Run], pieces_max: int) -> None:
        self._max = pieces_max
        self._runs = sorted(missing, key=lambda run: -run[2])
        # Rounds in which the same runs have a turn, from number `starts[i]` on: the first of
        # these rounds, and how many have a turn in each.
        self._starts: list[int] = []
        self._rounds: list[tuple[int, int]] = []
        self._count = done = 0
        for active in range(len(self._runs), 0, -1):
            rounds = -(-self._runs[active - 1][2] // pieces_max)
            if rounds > done:
                self._starts.append(self._count)
                self._rounds.append((done, active))
                self._count += (rounds - done) * active
                done = rounds

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Run:
        if not 0 <= number < self._count:
            raise IndexError(number)
        block = bisect_right(self._starts, number) - 1
        first_round, active = self._rounds[block]
        rounds, turn = divmod(number - self._starts[block], active)
        file, first, count = self._runs[turn]
        skipped = (first_round + rounds) * self._max
        return file, first + skipped, min(self._max, count - skipped)
