"""An answer of AWS, or why there is none: a quote says which, and guesses in no case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from freehold.rent.aws import AwsError

T = TypeVar("T")


@dataclass(frozen=True)
class Unasked:
    """Nothing is known, and `why`, as AWS or the network put it; `place` is what was asked."""

    place: str
    why: str
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.why}" if self.place else self.why


OFFLINE = Unasked("", "AWS was not asked (--offline)")


def asked(call: Callable[[], T]) -> T | Unasked:
    """What `call` says, or what kept AWS from answering it."""
    try:
        return call()
    except AwsError as error:
        problem = error.problems[0]
        return Unasked(problem.place, problem.message, problem.hint)
