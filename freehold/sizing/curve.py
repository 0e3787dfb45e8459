"""How much memory a layout's model needs as the context grows, by what KV cells are kept as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from freehold.sizing.choose import lay_out, usable_devices
from freehold.sizing.layout import Layout, Mode, Use
from freehold.sizing.place import place
from freehold.sizing.wishes import Wishes

_POINTS_MIN_TOKENS = 4096


@dataclass(frozen=True)
class Curve:
    """`points` are (tokens of context, bytes where the model lies: see `places`).

    `largest_tokens` is the largest context that fits, which one full device may set; None where
    not even the least does.
    """

    cache_type: str
    points: tuple[tuple[int, int], ...]
    largest_tokens: int | None


def context_curve(layout: Layout, wishes: Wishes, cache_type: str) -> Curve:
    """In the layout's own mode and on its devices, up to what the model was made for."""
    names = tuple(use.device for use in layout.devices)
    asked = replace(wishes, cache_type=cache_type, slots=layout.run.slots, devices=names)
    devices = usable_devices(layout.hardware, asked)
    points = []
    for tokens in _contexts(layout.model.context_max_tokens):
        run = replace(layout.run, cache_type=cache_type, context_tokens=tokens)
        found = place(layout.model, layout.hardware, devices, run, asked, layout.mode)
        points.append((tokens, sum(int(use.total.expected) for use in places(layout, found.uses))))
    largest = lay_out(layout.model, layout.hardware, replace(asked, context_tokens=None))
    fits = isinstance(largest, Layout) and largest.mode is layout.mode
    return Curve(cache_type, tuple(points), largest.run.context_tokens if fits else None)


def places(layout: Layout, uses: Sequence[Use]) -> Sequence[Use]:
    """Those that the mode is about: the devices alone where they carry all, else the host too."""
    return uses[:-1] if layout.mode is Mode.DEVICES else uses


def usable_bytes(layout: Layout) -> int:
    """What those places may hold, without head-room."""
    if layout.hardware.is_unified and layout.mode is not Mode.DEVICES:
        return layout.hardware.ram_bytes - layout.host.headroom_bytes
    return sum(use.capacity_bytes - use.headroom_bytes for use in places(layout, layout.uses))


def _contexts(most: int) -> list[int]:
    """Four to each doubling."""
    tokens, found = float(min(_POINTS_MIN_TOKENS, most)), []
    while round(tokens) < most:
        found.append(round(tokens))
        tokens *= 2**0.25
    return [*found, most]
