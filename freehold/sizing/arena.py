"""How ggml packs the tensors of a graph into one buffer: best fit, freed space is used again."""

from __future__ import annotations


class Arena:
    """One growing buffer. Source: ggml_dyn_tallocr in ggml-alloc.c; sizes and offsets in bytes.

    What fits into no hole goes to the end, so how the holes lie decides the size: the sum of what
    lives at once falls short of it by up to a third.
    """

    def __init__(self) -> None:
        self.size_bytes = 0
        self._holes: list[tuple[int, int]] = []  # (offset, size), in order, never adjacent
        self._end = 0

    def take(self, size: int) -> int:
        """The offset of a new tensor; the smallest hole wins, of equal ones the last."""
        best = -1
        best_size = 0
        for index, (_, hole) in enumerate(self._holes):
            if hole >= size and (best < 0 or hole <= best_size):
                best, best_size = index, hole
        if best < 0:
            offset = self._end
            self._end += size
            self.size_bytes = max(self.size_bytes, self._end)
            return offset
        offset, _ = self._holes[best]
        if best_size == size:
            del self._holes[best]
        else:
            self._holes[best] = (offset + size, best_size - size)
        return offset

    def give(self, offset: int, size: int) -> None:
        """Free what `take` gave; neighbouring holes become one, and one at the end vanishes."""
        holes = self._holes
        at = 0
        while at < len(holes) and holes[at][0] < offset:
            at += 1
        if at < len(holes) and offset + size == holes[at][0]:
            size += holes.pop(at)[1]
        if at and sum(holes[at - 1]) == offset:
            at -= 1
            begin, before = holes.pop(at)
            offset, size = begin, before + size
        if offset + size == self._end:
            self._end = offset
        else:
            holes.insert(at, (offset, size))
