"""The error of a declaration that cannot be used."""

from __future__ import annotations

from freehold.errors import FreeholdError


class SpecError(FreeholdError):
    """Every problem of one stack file, in the order of its lines."""
