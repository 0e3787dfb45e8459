"""An item: one thing that is wanted on a box, with its facts and its plans."""

from __future__ import annotations

from typing import Any, Protocol

from freehold.errors import FreeholdError
from freehold.facts.fact import Fact
from freehold.plan.steps import Plan


class PlanError(FreeholdError):
    """What is wanted cannot be had on this box as it is."""


class Item(Protocol):
    """File, FileSet, Unit, Package or Box. `found` is always what `fact` parsed."""

    @property
    def label(self) -> str:
        """What a person calls it."""

    @property
    def follows_others(self) -> bool:
        """Whether its facts change by the steps of others, so that it is planned after them."""

    def fact(self) -> Fact[Any]:
        """How to learn what is."""

    def plan(self, place: str, found: Any) -> Plan:
        """The steps that make it so; empty means converged. Raises PlanError at `place`."""

    def removal(self, found: Any) -> Plan:
        """The steps that leave the box as it was found."""
