"""Whole numbers of a header's metadata; what is wrong with them is kept, and raised at once."""

from __future__ import annotations

from freehold.errors import FreeholdError, Problem
from freehold.gguf.header import Header


class Keys:
    """The architecture's own keys of one header. `raise_problems` ends the reading."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._problems: dict[str, Problem] = {}

    def number(self, name: str, default: int | None = 0) -> int:
        """Of a key that holds one a layer, the largest. `default` None: the key must be there."""
        value = self._header.key(name)
        if value is None and default is not None:
            return default
        if isinstance(value, tuple) and value and all(map(_is_count, value)):
            return int(max(value))
        if _is_count(value):
            return int(value)
        self.problem(name, "a whole number, 0 or more")
        return 0

    def each(self, name: str, layers: int, default: int) -> tuple[int, ...]:
        """One for each layer; a single number stands for all. Source: get_key_or_arr."""
        return self.listed(name, layers) or (self.number(name, default),) * layers

    def listed(self, name: str, layers: int) -> tuple[int, ...] | None:
        """One for each layer where the key holds a list of numbers or flags; None where not."""
        value = self._header.key(name)
        if not isinstance(value, tuple):
            return None
        if len(value) >= layers and all(isinstance(n, bool) or _is_count(n) for n in value):
            return tuple(int(n) for n in value[:layers])
        self.problem(name, f"one number for each of {layers} layers")
        return (0,) * layers

    def problem(self, name: str, expected: str) -> None:
        """With the value of the key `name`. Only the first problem of a key is kept."""
        value = self._header.key(name)
        shown = "nothing" if value is None else repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        key = f"{self._header.architecture}.{name}"
        message = f"expected {key} to be {expected}, got {shown}"
        self._problems.setdefault(key, Problem(self._header.place, message))

    def complain(self, message: str, hint: str | None = None) -> None:
        """Of anything else."""
        self._problems[message] = Problem(self._header.place, message, hint)

    def raise_problems(self) -> None:
        """Raise FreeholdError where anything was wrong until now."""
        if self._problems:
            raise FreeholdError(self._problems.values())


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
