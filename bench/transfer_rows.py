"""What came out of the transfers: samples by route and leg, and what was found of each goal."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.gauge import Measure

GIB = 1 << 30
MIB = 1 << 20


@dataclass(frozen=True)
class Samples:
    """The measures of one leg on one route, one for each round."""

    leg: str
    proves: str
    measures: tuple[Measure, ...]

    def median(self, of: Callable[[Measure], float]) -> float:
        """The middle one of what `of` reads from each."""
        return statistics.median(of(measure) for measure in self.measures)

    @property
    def took_s(self) -> float:
        """The median."""
        return self.median(lambda measure: measure.took_s)


@dataclass(frozen=True)
class Route:
    """The legs that moved the same bytes over the same link, the one beside which others are
    seen first."""

    what: str
    size_bytes: int
    legs: tuple[Samples, ...]

    def of(self, leg: str) -> Samples | None:
        """The samples of that leg; None where it was left out."""
        return next((samples for samples in self.legs if samples.leg == leg), None)


@dataclass(frozen=True)
class Finding:
    """One figure beside its goal; `unit` is written after both."""

    what: str
    found: float
    goal: float
    unit: str
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the goal, a least or a most, holds."""
        return self.found >= self.goal if self.is_least else self.found <= self.goal


@dataclass
class Transfers:
    """Filled as the bench goes on."""

    conditions: str = ""
    routes: list[Route] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
