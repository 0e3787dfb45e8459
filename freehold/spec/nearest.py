"""The key that a mistyped one was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LIKENESS_MIN = 0.6  # difflib's own default: a third of the letters may be wrong


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The most similar of the valid words, or None when none is similar."""
    by_folded = {candidate.casefold(): candidate for candidate in valid}
    matches = get_close_matches(word.casefold(), by_folded, n=1, cutoff=_LIKENESS_MIN)
    return by_folded[matches[0]] if matches else None
