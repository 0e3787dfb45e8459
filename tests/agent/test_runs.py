"""Which piece comes next."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.agent.runs import Runs

MILLION = 1 << 20


@given(counts=st.lists(st.integers(1, 40), max_size=8), pieces_max=st.integers(1, 9))
def test_every_piece_has_its_turn_once(counts: list[int], pieces_max: int) -> None:
    missing = [(file, 7 * file, count) for file, count in enumerate(counts)]
    runs = Runs(missing, pieces_max)
    given_out = [runs[number] for number in range(len(runs))]
    pieces = [(f, p) for f, first, n in given_out for p in range(first, first + n)]
    wanted = [(f, p) for f, first, n in missing for p in range(first, first + n)]
    assert sorted(pieces) == wanted
    assert all(0 < count <= pieces_max for _file, _first, count in given_out)


def test_files_take_turns() -> None:
    runs = Runs([(0, 0, 4), (1, 0, 2), (2, 0, 3)], 1)
    files = [runs[number][0] for number in range(len(runs))]
    assert sorted(files[:3]) == sorted(files[3:6]) == [0, 1, 2]
    assert sorted(files[6:]) == [0, 0, 2]


def test_there_is_nothing_after_the_last() -> None:
    runs = Runs([(0, 0, 4)], 3)
    with pytest.raises(IndexError):
        runs[len(runs)]


def test_a_million_pieces_are_planned_at_once_and_in_little_memory() -> None:
    tracemalloc.start()
    begun = time.process_time()
    runs = Runs([(file, 0, MILLION // 64) for file in range(64)], 1)
    assert len(runs) == MILLION
    assert runs[MILLION - 1][1] == MILLION // 64 - 1
    assert time.process_time() - begun < 0.5
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
