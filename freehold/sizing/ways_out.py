"""What would make a model fit that does not: each way computed, the cheapest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from freehold.sizing.choose import lay_out
from freehold.sizing.hardware import Hardware
from freehold.sizing.layout import HOST, Layout, Refusal, WayOut
from freehold.sizing.model import ModelShape
from freehold.sizing.wishes import GIB, Wishes

WAYS_MAX = 3
_GB = 1e9


def ways_out(
    refusal: Refusal,
    wishes: Wishes,
    quants: Sequence[ModelShape] = (),
    machines: Iterable[Hardware] = (),
) -> tuple[WayOut, ...]:
    """At most three, in the order of what they cost a person: settings, a quant, a machine.

    `quants` are other quants of the same model, `machines` what could be had instead. Each way
    was laid out: none is named that does not fit.
    """
    found = [
        _fewer_slots(refusal, wishes),
        _less_context(refusal, wishes),
        _smaller_cells(refusal, wishes),
        _smaller_quant(refusal, wishes, quants),
        _another_machine(refusal, wishes, machines),
        _more_memory(refusal, wishes),
    ]
    return tuple(way for way in found if way is not None)[:WAYS_MAX]


def _fewer_slots(refusal: Refusal, wishes: Wishes) -> WayOut | None:
    if (wishes.slots or 1) == 1:
        return None
    layout = _attempt(refusal, replace(wishes, slots=None))
    if layout is None:
        return None
    return WayOut(f"slots: {layout.run.slots}", f"{_left(layout)}; asked for {wishes.slots}")


def _less_context(refusal: Refusal, wishes: Wishes) -> WayOut | None:
    if not wishes.context_tokens:
        return None
    layout = _attempt(refusal, replace(wishes, context_tokens=None))
    if layout is None or layout.run.context_tokens >= wishes.context_tokens:
        return None
    tokens = layout.run.context_tokens
    return WayOut(
        f"context_tokens: {tokens}", f"{_left(layout)}; asked for {wishes.context_tokens}"
    )


def _smaller_cells(refusal: Refusal, wishes: Wishes) -> WayOut | None:
    for cache_type in ("q8_0", "q4_0"):
        if wishes.cache_type in (cache_type, "q4_0"):
            continue
        layout = _attempt(refusal, replace(wishes, cache_type=cache_type))
        if layout is not None:
            return WayOut(f"cache_type: {cache_type}", _left(layout))
    return None


def _smaller_quant(refusal: Refusal, wishes: Wishes, quants: Sequence[ModelShape]) -> WayOut | None:
    weighs = sum(refusal.model.bytes_by_role.values())
    smaller = [(sum(model.bytes_by_role.values()), model) for model in quants]
    for size, model in sorted(smaller, key=lambda pair: -pair[0]):
        if size >= weighs:
            continue
        answer = lay_out(model, refusal.hardware, wishes)
        if isinstance(answer, Layout):
            return WayOut(
                f"quant {model.quant}: {size / _GB:.1f} GB in place of {weighs / _GB:.1f} GB",
                f"{answer.mode.value}; {_left(answer)}",
            )
    return None


def _another_machine(
    refusal: Refusal, wishes: Wishes, machines: Iterable[Hardware]
) -> WayOut | None:
    priced = [machine for machine in machines if machine.usd_per_hour is not None]
    for machine in sorted(priced, key=lambda m: m.usd_per_hour or 0.0):
        answer = lay_out(refusal.model, machine, wishes)
        if isinstance(answer, Layout):
            return WayOut(
                f"rent {machine.name}: {machine.usd_per_hour:.2f} USD an hour",
                f"{answer.mode.value}; {_left(answer)}",
            )
    return None


def _more_memory(refusal: Refusal, wishes: Wishes) -> WayOut | None:
    """RAM where the host is short, and the devices alone cannot carry it."""
    missing = sum(s.missing_bytes for s in refusal.shortfalls if s.device == HOST)
    if not missing:
        return None
    gib = -(-missing // GIB)
    more = replace(refusal.hardware, ram_bytes=refusal.hardware.ram_bytes + gib * GIB)
    answer = lay_out(refusal.model, more, wishes)
    if not isinstance(answer, Layout):
        return None
    return WayOut(f"{gib} GiB more RAM", f"{answer.mode.value}; {_left(answer)}")


def _attempt(refusal: Refusal, wishes: Wishes) -> Layout | None:
    answer = lay_out(refusal.model, refusal.hardware, wishes)
    return answer if isinstance(answer, Layout) else None


def _left(layout: Layout) -> str:
    parts = [f"{use.left_bytes / GIB:.1f} GiB on {use.device}" for use in layout.uses]
    return f"leaves {', '.join(parts[:2])}{' ...' if len(parts) > 2 else ''}"
