"""Entries over devices: whole, in order, as even as can be."""

from __future__ import annotations

from itertools import combinations_with_replacement, pairwise

from hypothesis import given
from hypothesis import strategies as st

from freehold.sizing.split import split

SIZES = st.lists(st.integers(1, 100).map(float), min_size=1, max_size=8)
ROOMS = st.lists(st.integers(1, 500).map(float), min_size=1, max_size=4)


def fills(sizes: list[float], rooms: list[float], counts: tuple[int, ...]) -> list[float]:
    at, found = 0, []
    for count, room in zip(counts, rooms, strict=True):
        found.append(sum(sizes[at : at + count]) / room)
        at += count
    return found


def every_split(sizes: list[float], rooms: list[float]) -> list[tuple[int, ...]]:
    """All there are, by their boundaries."""
    inner = combinations_with_replacement(range(len(sizes) + 1), len(rooms) - 1)
    return [tuple(b - a for a, b in pairwise((0, *cuts, len(sizes)))) for cuts in inner]


@given(SIZES, ROOMS)
def test_no_other_split_leaves_the_fullest_device_emptier(
    sizes: list[float], rooms: list[float]
) -> None:
    anywhere = [True] * len(sizes)
    counts = split(sizes, rooms, anywhere)
    assert sum(counts) == len(sizes)
    best = min(max(fills(sizes, rooms, other)) for other in every_split(sizes, rooms))
    assert max(fills(sizes, rooms, counts)) <= best * (1 + 1e-5)


@given(SIZES, ROOMS, st.data())
def test_a_device_begins_only_where_it_may(
    sizes: list[float], rooms: list[float], data: st.DataObject
) -> None:
    may = [True, *data.draw(st.lists(st.booleans(), min_size=len(sizes), max_size=len(sizes)))]
    at = 0
    for count in split(sizes, rooms, may[: len(sizes)]):
        assert not count or may[at]
        at += count
    assert at == len(sizes)


def test_no_device_idles_where_all_could_carry_a_share() -> None:
    assert split([1.0] * 12, [10.0, 10.0, 10.0, 10.0], [True] * 12) == (3, 3, 3, 3)


def test_a_larger_device_takes_a_larger_share() -> None:
    assert split([1.0] * 12, [10.0, 20.0], [True] * 12) == (4, 8)


def test_where_few_boundaries_are_allowed_the_rest_is_still_even() -> None:
    may = [index % 4 == 0 for index in range(16)]
    assert split([1.0] * 16, [10.0, 10.0, 10.0], may) in {(4, 4, 8), (4, 8, 4), (8, 4, 4)}
