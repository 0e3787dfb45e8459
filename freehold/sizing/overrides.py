"""The patterns that keep experts on the host, each with how many tensors it must match."""

from __future__ import annotations

from freehold.sizing.ground import Experts
from freehold.sizing.layout import Override

_HOST_BUFFER = "CPU"


def overrides(in_ram: Experts) -> tuple[Override, ...]:
    """One pattern for all blocks whose experts are kept alike, in the order of the blocks.

    The engine searches a pattern anywhere in a tensor's name (std::regex_search), so each begins
    with `blk` and ends with a dot; it splits the list at commas, which no pattern holds.
    """
    kept_alike: dict[frozenset[str], list[int]] = {}
    for index, what in _by_block(in_ram).items():
        kept_alike.setdefault(what, []).append(index)
    return tuple(
        Override(
            pattern=rf"blk\.{_either(list(map(str, indices)))}\.ffn_{_either(sorted(what))}_exps\.",
            buffer_type=_HOST_BUFFER,
            matches=len(indices) * len(what),
        )
        for what, indices in kept_alike.items()
    )


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"({'|'.join(words)})"


def _by_block(experts: Experts) -> dict[int, frozenset[str]]:
    """What of each block's experts is named."""
    found: dict[int, set[str]] = {}
    for index, what in experts:
        found.setdefault(index, set()).add(what)
    return {index: frozenset(what) for index, what in sorted(found.items())}
