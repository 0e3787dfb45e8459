"""All quants of a model on one machine, as a table and as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from freehold.sizing.best_quant import Rated, best
from freehold.sizing.hardware import Hardware
from freehold.sizing.layout import HOST, Layout
from freehold.sizing.verdict_lines import spread
from freehold.sizing.wishes import GIB, Wishes

_HEAD = ("quant", "GB", "fits", "GiB left", "tokens/s", "largest context", "")


def quants_lines(rated: Sequence[Rated], hardware: Hardware, wishes: Wishes) -> list[str]:
    """A row a quant, from the largest; the best are marked."""
    context = f"{wishes.context_tokens:,} tokens" if wishes.context_tokens else "the largest"
    slots = f"{wishes.slots} slot{'s' if wishes.slots != 1 else ''}" if wishes.slots else "the most"
    head = f"{rated[0].model.name} on {hardware.name}, {slots}, context {context}:"
    rows = [_HEAD, *(_row(each, rated) for each in rated)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if best(rated) is None:
        table.append("none fits")
    return [head, *table, *(f"guessed: {each}" for each in hardware.guessed)]


def quants_json(rated: Sequence[Rated]) -> dict[str, Any]:
    """All of it, with the best two by name, None where there is none."""
    whole, fitting = best(rated, on_devices_alone=True), best(rated)
    return {
        "fits": fitting is not None,
        "best": fitting.model.quant if fitting else None,
        "best_on_devices": whole.model.quant if whole else None,
        "quants": [
            {
                "quant": each.model.quant,
                "file_bytes": each.model.file_bytes,
                "fits": each.mode is not None,
                "mode": each.mode.name.lower() if each.mode else None,
                "left_bytes": {use.device: use.left_bytes for use in each.answer.uses},
                "decode_tokens_per_s": asdict(each.speed.decode) if each.speed else None,
                "context_max_tokens": each.context_max_tokens,
            }
            for each in rated
        ],
    }


def _row(each: Rated, rated: Sequence[Rated]) -> tuple[str, ...]:
    answer = each.answer
    name = (each.model.quant, f"{each.model.file_bytes / 1e9:.1f}")
    if not isinstance(answer, Layout) or each.speed is None:
        short = {use.device: -use.left_bytes for use in answer.uses if use.left_bytes < 0}
        worst = max(short, key=short.__getitem__, default=HOST)
        return (*name, "no", f"{short.get(worst, 0) / GIB:.1f} short on {worst}", "", "", "")
    marks = ", ".join(_marks(each, rated))
    context = f"{each.context_max_tokens:,}"
    return (*name, answer.mode.value, _left(answer), spread(each.speed.decode), context, marks)


def _left(layout: Layout) -> str:
    """The least of all devices, and the host's."""
    host = f"{layout.host.left_bytes / GIB:.1f} RAM"
    if not layout.devices:
        return host
    return f"{min(use.left_bytes for use in layout.devices) / GIB:.1f} a GPU, {host}"


def _marks(each: Rated, rated: Sequence[Rated]) -> Iterator[str]:
    if each is best(rated, on_devices_alone=True):
        yield "best on the GPUs alone"
    if each is best(rated):
        yield "best that fits"
