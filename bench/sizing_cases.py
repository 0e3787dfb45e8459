"""The models, machines and wishes that sizing is measured with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo.parts import MODEL, fetch
from freehold.sizing.wishes import Wishes
from tests.engine.catalogued import write_catalogued
from tests.engine.models import Model, write

GLM = "glm-5.2"
RAM_GIB = 1024  # room for the largest quant: what is measured is the account, not the refusal

# Of the width of real models, and of their depth: 8B dense, 30B with 3B active, and GLM-5.2's
# own structure at a third.
_LLAMA = Model(
    "llama", layers=32, embedding=4096, ffn=14336, heads=32, kv_heads=8, head=128,
    vocabulary=128256,
)  # fmt: skip
_QWEN3MOE = Model(
    "qwen3moe", layers=48, embedding=2048, ffn=6144, heads=32, kv_heads=4, head=128,
    experts=128, experts_used=8, expert_ffn=768, vocabulary=151936,
)  # fmt: skip
_GLM_DSA = Model(
    "glm-dsa", layers=26, nextn=1, dense=1, embedding=2048, ffn=4096, heads=32,
    experts=64, experts_used=4, expert_ffn=1024,
    q_lora=1024, kv_lora=512, rope=64, nope=192, value=256,
    indexer_heads=16, indexer=128, top_k=1024,
    full_indexers=tuple(n < 2 or n % 4 == 2 for n in range(26)),
    vocabulary=154880, context=1048576,
)  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """A model; `write` puts it into a folder, sparse where it is large."""

    name: str
    write: Callable[[Path], Path]


@dataclass(frozen=True)
class Machine:
    """So many stand-in cards of one size."""

    cards: int
    gb: int

    @property
    def memory_mib(self) -> list[int]:
        """Of each."""
        return [self.gb * 1000] * self.cards

    def __str__(self) -> str:
        return f"{self.cards}x {self.gb} GB"


@dataclass(frozen=True)
class Grid:
    """Every subject on every machine, with each of the wishes."""

    subjects: tuple[Subject, ...]
    machines: tuple[Machine, ...]
    wishes: tuple[Wishes, ...]


def grids(*, is_quick: bool) -> tuple[Grid, ...]:
    """All that is measured, or what is under a minute of it."""
    if is_quick:
        some = (Machine(1, 24), Machine(2, 24))
        few = (Machine(1, 24), Machine(2, 80), Machine(4, 96), Machine(8, 141))
        return (
            Grid(_SMALL, some[:1], (Wishes(8192, cache_type="f16"),)),
            Grid(_MODERATE, some, (Wishes(16384, 4, "q8_0"),)),
            Grid(_glm("UD-IQ2_M", "UD-Q4_K_M"), few, (Wishes(32768, cache_type="f16"),)),
        )
    cards = tuple(Machine(count, 24) for count in (1, 2, 4))
    all_cards = tuple(Machine(count, gb) for count in (1, 2, 4, 8) for gb in (24, 80, 96, 141))
    quants = ("UD-IQ1_S", "UD-IQ2_M", "UD-Q2_K_XL", "UD-Q4_K_M", "Q8_0")
    return (
        Grid(_SMALL, cards[:2], (Wishes(8192, cache_type="f16"), Wishes(2048, 4, "q8_0"))),
        Grid(_MODERATE, cards, (Wishes(8192, cache_type="f16"), Wishes(16384, 4, "q8_0"))),
        Grid(
            _glm(*quants),
            all_cards,
            (Wishes(8192, cache_type="f16"), Wishes(131072, cache_type="q8_0")),
        ),
    )


def fits(*, is_quick: bool) -> tuple[tuple[Subject, Machine, Wishes], ...]:
    """Where llama.cpp's own fit is asked too: its search takes from 1 to 50 seconds."""
    wishes = Wishes(32768, cache_type="f16")
    (glm,) = _glm("UD-IQ2_M")
    if is_quick:
        return ((glm, Machine(2, 80), wishes),)
    return (
        (_MODERATE[1], Machine(1, 16), wishes),
        *((glm, Machine(count, gb), wishes) for count, gb in ((1, 24), (2, 80), (4, 24), (8, 80))),
    )


def _glm(*quants: str) -> tuple[Subject, ...]:
    def subject(quant: str) -> Subject:
        return Subject(
            f"{GLM} {quant}", lambda folder: write_catalogued(GLM, quant, folder / f"{quant}.gguf")
        )

    return tuple(map(subject, quants))


def _sparse(name: str, model: Model) -> Subject:
    def put(folder: Path) -> Path:
        return write(model, folder / f"{model.arch}.gguf", sparse=True)

    return Subject(name, put)


_SMALL = (Subject("smollm2-135m Q4_1", lambda _folder: fetch(print) / MODEL),)
_MODERATE = (
    _sparse("llama 8B", _LLAMA),
    _sparse("qwen3moe 30B-A3B", _QWEN3MOE),
    _sparse("glm-dsa 8B", _GLM_DSA),
)
