"""Which pieces of an order lie on which of several nodes, and which must still be sent to one."""

from __future__ import annotations

from collections.abc import Iterable
from operator import add, or_, sub

from freehold.agent.order import Order
from freehold.agent.swarm_torrent import PieceNumbers
from freehold.apply.pieces import Piece, Run


class Holding:
    """The pieces of one node, by number: those it `has`, and those `coming` from the sender."""

    def __init__(self, has: bytearray) -> None:
        self.has = has
        self.coming: set[int] = set()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return self.has.find(0) < 0


class Spread:
    """A piece is sent to one node and lies on all in the end: the nodes give it each other.

    A few bytes for each piece and node, and no lock: who shares it has one.
    """

    def __init__(self, order: Order) -> None:
        self._numbers = PieceNumbers.of(order)
        self._holders = bytearray(self._numbers.count)
        self._covered = bytearray(self._numbers.count)  # some node has it, or is being sent it
        self._holdings: list[Holding] = []

    def join(self, missing: Iterable[Run]) -> Holding:
        """A node that lacks these."""
        has = bytearray(b"\1" * self._numbers.count)
        for file, first, count in missing:
            start = self._numbers.first(file) + first
            has[start : start + count] = bytes(count)
        holding = Holding(has)
        self._holdings.append(holding)
        self._holders = bytearray(map(add, self._holders, has))
        self._covered = bytearray(map(or_, self._covered, has))
        return holding

    def leave(self, holding: Holding) -> None:
        """A node is gone: what it alone had, or was being sent, is to be sent again."""
        self._holdings.remove(holding)
        self._holders = bytearray(map(sub, self._holders, holding.has))
        self._covered = bytearray(bool(count) for count in self._holders)
        for other in self._holdings:
            for number in other.coming:
                self._covered[number] = 1

    def take(self, holding: Holding, pieces_max: int) -> Run | None:
        """Pieces that no node has nor is being sent, to be sent to this one; None if there are
        none. The fewer are left, the fewer at once, so that all nodes end together."""
        start = self._covered.find(0)
        if start < 0:
            return None
        fair = self._covered.count(0) // (2 * len(self._holdings))
        end = self._end(start, min(pieces_max, max(1, fair)))
        covered = self._covered.find(1, start, end)
        end = end if covered < 0 else covered
        self._covered[start:end] = b"\1" * (end - start)
        return self._run(holding, start, end)

    def held_elsewhere(self, holding: Holding) -> int | None:
        """The first piece that others have and this node neither has nor is being sent."""
        number = holding.has.find(0)
        while number >= 0 and (number in holding.coming or not self._holders[number]):
            number = holding.has.find(0, number + 1)
        return number if number >= 0 else None

    def take_held(self, holding: Holding, pieces_max: int) -> Run | None:
        """Pieces that others have and do not give to this node, to be sent to it all the same."""
        start = self.held_elsewhere(holding)
        if start is None:
            return None
        end, last = start + 1, self._end(start, pieces_max)
        while end < last and not holding.has[end] and end not in holding.coming:
            end += 1
        return self._run(holding, start, end)

    def arrived(self, holding: Holding, file: int, piece: int) -> bool:
        """The node has it. Whether that is new: it may come from the sender and from a node."""
        number = self._numbers.first(file) + piece
        holding.coming.discard(number)
        if holding.has[number]:
            return False
        holding.has[number] = 1
        self._holders[number] += 1
        self._covered[number] = 1
        return True

    def lost(self, holding: Holding, pieces: Iterable[Piece]) -> None:
        """These were being sent to the node and did not arrive."""
        for file, piece in pieces:
            number = self._numbers.first(file) + piece
            holding.coming.discard(number)
            others = any(number in other.coming for other in self._holdings)
            self._covered[number] = bool(self._holders[number]) or others

    def missing(self, holding: Holding) -> list[Run]:
        """Runs of what the node lacks."""
        runs, start = [], holding.has.find(0)
        while start >= 0:
            found = holding.has.find(1, start)
            end = self._end(start, (found if found >= 0 else self._numbers.count) - start)
            runs.append((*self._numbers.piece(start), end - start))
            start = holding.has.find(0, end)
        return runs

    @property
    def is_whole_everywhere(self) -> bool:
        """Whether every node has all."""
        return all(holding.is_whole for holding in self._holdings)

    def _end(self, start: int, pieces_max: int) -> int:
        """The number after the last of `pieces_max` from `start` on, within one file."""
        file, _piece = self._numbers.piece(start)
        place = self._numbers.files.index(file)
        return min(start + pieces_max, self._numbers.firsts[place + 1])

    def _run(self, holding: Holding, start: int, end: int) -> Run:
        holding.coming.update(range(start, end))
        return (*self._numbers.piece(start), end - start)
