"""Options that have a form of their own, refused with their name where it is not theirs."""

from __future__ import annotations

from collections.abc import Collection

from freehold.errors import FreeholdError


def about_of(option: str) -> dict[str, str]:
    """Of `licence=MIT,origin=...`."""
    pairs = [item.partition("=") for item in option.split(",") if item]
    wrong = [key for key, sign, _ in pairs if not sign]
    if wrong:
        raise FreeholdError.of("--about", f"expected key=value,key=value, got {', '.join(wrong)}")
    return {key.strip(): value.strip() for key, _, value in pairs}


def count_of(name: str, option: str) -> int:
    """A whole number of at least 1. Not left to Invoke, which ends with a traceback."""
    if not option.isdecimal() or not int(option):
        raise FreeholdError.of(name, f'expected a whole number of at least 1, got "{option}"')
    return int(option)


def hours_of(name: str, option: str) -> float:
    """A number of hours above 0."""
    try:
        hours = float(option)
    except ValueError:
        hours = 0.0
    if not 0 < hours < float("inf"):
        raise FreeholdError.of(name, f'expected a number of hours above 0, got "{option}"')
    return hours


def word_of(name: str, option: str, words: Collection[str]) -> str:
    """One of the words."""
    if option not in words:
        raise FreeholdError.of(name, f'expected one of {", ".join(words)}, got "{option}"')
    return option
