"""A graph's operations in their order, over several places, and what they need at one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from freehold.sizing.arena import Arena

ALIGNMENT_BYTES = 128
"""Of a tensor in its buffer: CUDA's; others pad to less. Source: ggml_backend_cuda_buffer_type."""

HERE = 0
"""The place whose buffer is measured; every other number is another device, or the host."""


class Unit(IntEnum):
    """What a tensor's size is proportional to; resolved by `Scale`."""

    ONCE = 0
    TOKENS = 1
    OUTPUTS = 2
    SCORES = 3  # a token and cell of the KV cache
    SELECTED = 4  # a token and cell that its indexer selects
    CELLS = 5


@dataclass(frozen=True)
class Scale:
    """How many there are of each unit."""

    tokens: int
    outputs: int
    cells: int
    selected: int

    @property
    def counts(self) -> tuple[int, ...]:
        """In the order of Unit."""
        return (
            1,
            self.tokens,
            self.outputs,
            self.tokens * self.cells,
            self.tokens * self.selected,
            self.cells,
        )


@dataclass(frozen=True, eq=False, slots=True)
class Tensor:
    """`factor` bytes for each `unit`."""

    unit: Unit
    factor: int
    place: int


@dataclass(frozen=True)
class _Step:
    result: Tensor
    sources: tuple[Tensor, ...]
    into: Tensor | None
    weights: Tensor | None


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


@dataclass
class Tape:
    """Written by those who describe a graph, in the order in which the engine computes it.

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
        self.steps.append(_Step(result, sources, into, weights))
        return result

    def program(self) -> Program:
        """What HERE takes and gives."""
        return _Compiler(self).program()


_Event = tuple[Tensor | None, tuple[Tensor, ...], Tensor | None]  # result, sources, into


class _Compiler:
    """Lives for one call; tensors are told apart by their id."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._events: list[_Event] = []
        self._copied_here: list[Tensor] = []
        self._readers: dict[int, int] = {}
        self._numbers: dict[int, int] = {}  # of those that live HERE, or lived
        self._alive: set[int] = set()
        self._kept: set[int] = set()
        self._sizes: list[tuple[Unit, int]] = []
        self._moves: list[int] = []

    def program(self) -> Program:
        self._split()
        for _, sources, _ in self._events:
            for source in sources:
                self._readers[id(source)] = self._readers.get(id(source), 0) + 1
        begun = [
            (tensor, is_input) for tensor, is_input in self._tape.begun if tensor.place == HERE
        ]
        for tensor, _ in begun:
            self._take(tensor)
        if self._tape.copies > 1:
            self._keep([tensor for tensor, is_input in begun if is_input], self._tape.copies - 1)
            self._keep(self._copied_here, self._tape.copies)
        for result, sources, into in self._events:
            if result is not None and result.place == HERE and result.factor:
                self._compute(result, into)
            for source in sources:
                self._read(source)
        return Program(tuple(self._sizes), tuple(self._moves))

    def _split(self) -> None:
        """Cut where the place changes, and let each part begin with copies of what it lacks."""
        copies: dict[tuple[int, int], Tensor] = {}
        for part in _parts(self._tape.steps):
            place = part[0].result.place
            computed: list[_Event] = []
            for step in part:
                sources = []
                for source in step.sources:
                    if source.place != place and (id(source), place) not in copies:
                        copy = Tensor(source.unit, source.factor, place)
                        copies[id(source), place] = copy
                        # It is read from its source, then it is there until its last reader.
                        self._events += [(None, (source,), None), (copy, (), None)]
                        if place == HERE:
                            self._copied_here.append(copy)
                    sources.append(copies.get((id(source), place), source))
                if step.weights is not None:
                    self._events.append((step.weights, (), None))
                    sources.append(step.weights)
                into = step.into and copies.get((id(step.into), place), step.into)
                computed.append((step.result, tuple(sources), into))
            self._events += computed

    def _keep(self, tensors: Iterable[Tensor], times: int) -> None:
        """All there from the start, and never given back."""
        for tensor in tensors:
            self._kept.add(id(tensor))
            for _ in range(times):
                self._take(tensor)

    def _compute(self, result: Tensor, into: Tensor | None) -> None:
        if id(result) in self._kept:
            return
        heir = into is not None and id(into) in self._alive and id(into) not in self._kept
        if into is not None and heir and self._readers[id(into)] == 1:
            self._alive.discard(id(into))
            self._alive.add(id(result))
            self._numbers[id(result)] = self._numbers[id(into)]
        else:
            self._take(result)

    def _take(self, tensor: Tensor) -> None:
        number = len(self._sizes)
        self._numbers[id(tensor)] = number
        self._sizes.append((tensor.unit, tensor.factor))
        self._moves.append(number)
        self._alive.add(id(tensor))

    def _read(self, tensor: Tensor) -> None:
        self._readers[id(tensor)] -= 1
        if (
            not self._readers[id(tensor)]
            and id(tensor) in self._alive
            and id(tensor) not in self._kept
        ):
            self._alive.discard(id(tensor))
            self._moves.append(~self._numbers[id(tensor)])


def _parts(steps: Iterable[_Step]) -> Iterator[Sequence[_Step]]:
    """Runs of one place; copied weights begin a new one, so that one copy lives at a time."""
    part: list[_Step] = []
    for step in steps:
        moved = part and step.result.place != part[0].result.place
        if moved or (step.weights is not None and any(s.weights is not None for s in part)):
            yield part
            part = []
        part.append(step)
    if part:
        yield part
