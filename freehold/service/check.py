"""One thing that the doctor looked at."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.errors import Problem


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `problem` is None where it is well. A warning stops nothing."""

    what: str
    found: str
    problem: Problem | None = None
    is_warning: bool = False

    @property
    def is_failure(self) -> bool:
        """Whether it would stop an `up`."""
        return self.problem is not None and not self.is_warning

    def __str__(self) -> str:
        verdict = "ok  " if self.problem is None else "warn" if self.is_warning else "FAIL"
        return f"{verdict}  {self.what:<10}{self.found}"
