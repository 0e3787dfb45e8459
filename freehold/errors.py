"""Errors a person acts on: a place, what was expected and found, a hint on its own line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    `place` is where to look: `file:line:column`, or a node's name. `message` states what was
    expected and what was found; further lines of it are shown indented (the last lines of a
    journal, say). `hint` is what to do about it.
    """

    place: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        first, *rest = self.message.splitlines() or [""]
        lines = [f"{self.place}: {first}", *(f"  {line}" for line in rest)]
        if self.hint:
            lines.append(f"Hint: {self.hint}")
        return "\n".join(lines)


class FreeholdError(Exception):
    """Every problem found, never only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def of(cls, place: str, message: str, hint: str | None = None) -> Self:
        """The error of a single problem."""
        return cls([Problem(place, message, hint)])
