"""A graph's operations in their order, over several places, and what they need at one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from freehold.sizing.arena import Arena

ALIGNMENT_BYTES = 128
"""Of a tensor in its buffer: CUDA's; others pad to less. Source: ggml_backend_cuda_buffer_type."""

HERE = 0
"""The place whose buffer is measured; every other number is another device, or the host."""


class Unit(IntEnum):
    """What a tensor's size is proportional to."""

    ONCE = 0
    TOKENS = 1
    OUTPUTS = 2
    SCORES = 3  # a token and cell of the KV cache
    SELECTED = 4  # a token and cell that its indexer selects
    CELLS = 5


@dataclass(frozen=True)
class Scale:
    """How many there are: tokens of a batch, outputs, cells in sight, and of those selected."""

    tokens: int
    outputs: int
    cells: int
    selected: int

    @property
    def counts(self) -> tuple[int, ...]:
        """Of each Unit, in their order."""
        scores, selected = self.tokens * self.cells, self.tokens * self.selected
        return (1, self.tokens, self.outputs, scores, selected, self.cells)


@dataclass(slots=True, eq=False)
class Tensor:
    """`factor` bytes for each `unit`, at `place`; the rest is the compiler's."""

    unit: Unit
    factor: int
    place: int
    readers: int = 0
    number: int = -1
    is_alive: bool = False
    is_kept: bool = False


@dataclass(frozen=True)
class Program:
    """What one place takes and gives back, in order: `number >= 0` takes, `~number` gives."""

    sizes: tuple[tuple[Unit, int], ...]
    moves: tuple[int, ...]

    def size_bytes(self, scale: Scale) -> int:
        """Of the buffer that holds it all."""
        counts = scale.counts
        sizes = [
            -(-counts[unit] * factor // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
            for unit, factor in self.sizes
        ]
        arena = Arena()
        offsets = [0] * len(sizes)
        for move in self.moves:
            if move >= 0:
                offsets[move] = arena.take(sizes[move])
            else:
                arena.give(offsets[~move], sizes[~move])
        return arena.size_bytes


# Its result, what it reads, what it may take over, and weights that are copied for it.
_Step = tuple[Tensor, tuple[Tensor, ...], Tensor | None, Tensor | None]


@dataclass
class Tape:
    """Written by those who describe a graph, in the order in which the engine computes it; read
    once.

    Source for how it becomes a program: ggml_backend_sched_split_graph (where copies are made)
    and ggml_gallocr_alloc_graph_impl (what is taken and given back, and when).
    """

    copies: int = 1
    """Kept of every tensor that goes from place to place, and of every input, from start to end."""
    begun: list[tuple[Tensor, bool]] = field(default_factory=list)
    """What is there from the start, in order, and whether it is an input."""
    steps: list[_Step] = field(default_factory=list)

    def input(self, unit: Unit, factor: int, place: int) -> Tensor:
        """What comes from outside of the graph."""
        self.begun.append((Tensor(unit, factor, place), True))
        return self.begun[-1][0]

    def leaf(self, unit: Unit, factor: int, place: int) -> Tensor:
        """What nothing computes, though it is no input."""
        self.begun.append((Tensor(unit, factor, place), False))
        return self.begun[-1][0]

    def step(
        self, size: tuple[Unit, int], *sources: Tensor, place: int,
        into: Tensor | None = None, weights_bytes: int = 0,
    ) -> Tensor:  # fmt: skip
        """The result of one operation.

        `into` is the source whose memory it takes over where nobody else reads it (views are never
        taken over); `weights_bytes` are copied to where it runs.
        """
        result = Tensor(size[0], size[1], place)
        weights = Tensor(Unit.ONCE, weights_bytes, place) if weights_bytes else None
        self.steps.append((result, sources, into, weights))
        return result

    def program(self) -> Program:
        """What HERE takes and gives."""
        compiler = _Compiler()
        copied = compiler.split(self.steps)
        begun = [(tensor, is_input) for tensor, is_input in self.begun if tensor.place == HERE]
        for tensor, _ in begun:
            compiler.take(tensor)
        if self.copies > 1:
            compiler.keep([tensor for tensor, is_input in begun if is_input], self.copies - 1)
            compiler.keep(copied, self.copies)
        return compiler.program()


class _Compiler:
    """Lives for one program."""

    def __init__(self) -> None:
        self._events: list[tuple[Tensor | None, tuple[Tensor, ...], Tensor | None]] = []
        self._sizes: list[tuple[Unit, int]] = []
        self._moves: list[int] = []

    def split(self, steps: Iterable[_Step]) -> list[Tensor]:
        """Cut where the place changes, and let each part begin with copies of what it lacks.

        Returns the copies that are made HERE.
        """
        copies: dict[tuple[int, int], Tensor] = {}
        for part in _parts(steps):
            place = part[0][0].place
            begun = len(self._events)
            computed = []
            for result, sources, into, weights in part:
                read = sources
                if any(source.place != place for source in sources):
                    read = tuple(self._local(source, place, copies) for source in sources)
                if weights is not None:
                    self._events.insert(begun, (weights, (), None))
                    read = (*read, weights)
                if into is not None:
                    into = copies.get((id(into), place), into)
                computed.append((result, read, into))
            self._events += computed
        for _, sources, _ in self._events:
            for source in sources:
                source.readers += 1
        return [copy for (_, place), copy in copies.items() if place == HERE]

    def _local(
        self, source: Tensor, place: int, copies: dict[tuple[int, int], Tensor]
    ) -> Tensor:  # fmt: skip
        if source.place == place:
            return source
        key = id(source), place
        if key not in copies:
            copies[key] = Tensor(source.unit, source.factor, place)
            # It is read from its source, then it is there until its last reader.
            self._events += [(None, (source,), None), (copies[key], (), None)]
        return copies[key]

    def take(self, tensor: Tensor) -> None:
        """From here on it is there."""
        tensor.number = len(self._sizes)
        tensor.is_alive = True
        self._sizes.append((tensor.unit, tensor.factor))
        self._moves.append(tensor.number)

    def keep(self, tensors: Iterable[Tensor], times: int) -> None:
        """So many of each are there from the start, and never given back."""
        for tensor in tensors:
            tensor.is_kept = True
            for _ in range(times):
                self.take(tensor)

    def program(self) -> Program:
        """What was split, computed."""
        for result, sources, into in self._events:
            if result is not None and result.place == HERE and result.factor and not result.is_kept:
                self._compute(result, into)
            for source in sources:
                source.readers -= 1
                if not source.readers and source.is_alive and not source.is_kept:
                    source.is_alive = False
                    self._moves.append(~source.number)
        return Program(tuple(self._sizes), tuple(self._moves))

    def _compute(self, result: Tensor, into: Tensor | None) -> None:
        if into is not None and into.is_alive and into.readers == 1 and not into.is_kept:
            into.is_alive, result.is_alive = False, True
            result.number = into.number
        else:
            self.take(result)


def _parts(steps: Iterable[_Step]) -> Iterator[list[_Step]]:
    """Runs of one place; copied weights begin a new one, so that one copy lives at a time."""
    part: list[_Step] = []
    for step in steps:
        if part and (step[0].place != part[0][0].place or step[3] is not None):
            yield part
            part = []
        part.append(step)
    if part:
        yield part
