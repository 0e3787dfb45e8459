"""The failure of a resource that was begun."""

from __future__ import annotations

from freehold.errors import FreeholdError
from freehold.infra.values import Properties


class PartialError(FreeholdError):
    """Something was begun on a box and not ended: to be recorded, and gone on with next time."""

    def __init__(
        self, error: FreeholdError, id: str, inputs: Properties, outputs: Properties | None = None
    ) -> None:
        super().__init__(error.problems)
        self.id, self.inputs, self.outputs = id, inputs, outputs or inputs
