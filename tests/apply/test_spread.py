"""Which piece goes to which node: each once, and again only where it would be lost."""

from __future__ import annotations

import time
from hashlib import sha256

from freehold.agent.merkle import PIECE_BYTES_MIN, layer_root
from freehold.agent.order import Order, OrderedFile
from freehold.apply.pieces import Run
from freehold.apply.spread import Holding, Spread

PIECE = PIECE_BYTES_MIN


def an_order(*pieces: int, piece_bytes: int = PIECE) -> Order:
    """Files of so many pieces, each unlike the others."""
    files, layers = [], b""
    for number, count in enumerate(pieces):
        layer = b"".join(sha256(b"%d %d" % (number, i)).digest() for i in range(count))
        size = count * piece_bytes
        root = layer_root(layer, piece_bytes, size).hex()
        files.append(OrderedFile(f"f{number}", size, sha256(layer).hexdigest(), root, False))
        layers += layer
    return Order("/var/lib/x", "0" * 64, piece_bytes, tuple(files), layers)


def all_of(order: Order) -> list[Run]:
    return [(file, 0, order.pieces(file)) for file in range(len(order.files))]


def taken(spread: Spread, *holdings: Holding, at_most: int = 4) -> list[list[tuple[int, int]]]:
    """What each is sent when they take in turns until nothing is left."""
    got: list[list[tuple[int, int]]] = [[] for _ in holdings]
    while True:
        runs = [spread.take(holding, at_most) for holding in holdings]
        for pieces, run in zip(got, runs, strict=True):
            if run is not None:
                file, first, count = run
                pieces += [(file, piece) for piece in range(first, first + count)]
        if not any(runs):
            return got


def everything(order: Order) -> list[tuple[int, int]]:
    return [(file, piece) for file, _, count in all_of(order) for piece in range(count)]


def test_each_piece_goes_to_one_of_the_nodes_and_they_share_evenly() -> None:
    order = an_order(30, 1, 17)
    spread = Spread(order)
    first, second, third = (spread.join(all_of(order)) for _ in range(3))
    got = taken(spread, first, second, third)
    assert sorted(piece for pieces in got for piece in pieces) == everything(order)
    assert max(map(len, got)) - min(map(len, got)) <= 4


def test_what_one_node_has_already_is_sent_to_nobody() -> None:
    order = an_order(10)
    spread = Spread(order)
    whole_but_two = spread.join([(0, 3, 2)])
    empty = spread.join(all_of(order))
    got = taken(spread, whole_but_two, empty)
    assert sorted(got[0] + got[1]) == [(0, 3), (0, 4)]


def test_what_a_node_was_being_sent_goes_to_another_when_it_is_gone() -> None:
    order = an_order(8)
    spread = Spread(order)
    dying, living = spread.join(all_of(order)), spread.join(all_of(order))
    got = taken(spread, dying, living)
    spread.arrived(dying, *got[0][0])
    spread.arrived(living, *got[0][0])
    spread.leave(dying)
    [again] = taken(spread, living)
    assert sorted(again) == sorted(got[0][1:])


def test_a_piece_that_did_not_arrive_is_sent_again() -> None:
    order = an_order(2)
    spread = Spread(order)
    holding = spread.join(all_of(order))
    taken(spread, holding)
    spread.lost(holding, [(0, 1)])
    assert spread.take(holding, 4) == (0, 1, 1)


def test_a_node_apart_is_sent_what_others_have_but_not_what_is_on_its_way_to_it() -> None:
    order = an_order(4)
    spread = Spread(order)
    apart, other = spread.join(all_of(order)), spread.join(all_of(order))
    assert spread.take(apart, 1) == (0, 0, 1)
    assert spread.take_held(apart, 4) is None
    for piece in (0, 1, 2):
        spread.arrived(other, 0, piece)
    assert spread.take_held(apart, 4) == (0, 1, 3)
    assert spread.take_held(apart, 4) is None


def test_a_piece_that_comes_from_the_sender_and_from_a_node_counts_once() -> None:
    order = an_order(1)
    spread = Spread(order)
    holding = spread.join(all_of(order))
    assert [spread.arrived(holding, 0, 0), spread.arrived(holding, 0, 0)] == [True, False]
    spread.leave(holding)
    later = spread.join(all_of(order))
    assert spread.take(later, 1) == (0, 0, 1)


def test_what_is_missing_is_told_in_runs_that_stay_within_a_file() -> None:
    order = an_order(3, 3)
    spread = Spread(order)
    holding = spread.join([(0, 1, 2), (1, 0, 2)])
    assert spread.missing(holding) == [(0, 1, 2), (1, 0, 2)]
    assert not spread.is_whole_everywhere
    for file, piece in ((0, 1), (0, 2), (1, 0), (1, 1)):
        spread.arrived(holding, file, piece)
    assert spread.missing(holding) == []
    assert spread.is_whole_everywhere


def test_a_million_pieces_on_four_nodes_are_planned_in_seconds() -> None:
    order = an_order(1_000_000, piece_bytes=64 << 20)
    spread = Spread(order)
    began_s = time.monotonic()
    holdings = [spread.join(all_of(order)) for _ in range(4)]
    runs = [spread.take(holding, 1) for holding in holdings for _ in range(100)]
    assert len(set(runs)) == 400
    for holding in holdings:
        spread.leave(holding)
    assert time.monotonic() - began_s < 10
