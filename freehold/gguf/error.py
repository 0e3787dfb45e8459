"""The error of whatever is no whole GGUF file, or cannot be read."""

from __future__ import annotations

from freehold.errors import FreeholdError


class GgufError(FreeholdError):
    """A file that is not GGUF, not all of it, or not to be had."""
