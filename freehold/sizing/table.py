"""The answer as a person reads it: bytes by part and device, what is left, and why."""

from __future__ import annotations

from collections.abc import Callable

from freehold.sizing.layout import Answer, Layout, Refusal, Use
from freehold.sizing.model import Role
from freehold.sizing.wishes import GIB

_ROWS: tuple[tuple[str, Callable[[Use], float]], ...] = (
    *((role.value, lambda use, role=role: use.weights_by_role.get(role, 0)) for role in Role),
    ("KV cache", lambda use: use.kv_bytes),
    ("indexer's cache", lambda use: use.indexer_kv_bytes),
    ("output buffer", lambda use: use.output_buffer_bytes),
    ("compute buffers", lambda use: use.compute.expected),
    ("back end's own", lambda use: use.overhead_bytes),
    ("head-room", lambda use: use.headroom_bytes),
    ("left", lambda use: use.left_bytes),
    ("all of it", lambda use: use.capacity_bytes),
)


def table(answer: Answer) -> list[list[str]]:
    """Rows of GiB by part; the first row names the devices. A part that nobody has is left out."""
    rows = [["GiB", *(use.device for use in answer.uses)]]
    for name, value in _ROWS:
        values = [value(use) for use in answer.uses]
        if any(values):
            rows.append([name, *(f"{size / GIB:.2f}" for size in values)])
    return rows


def lines(answer: Answer) -> list[str]:
    """The whole answer as plain text: a sentence, the table, and why."""
    model, run = answer.model, answer.run
    head = f"{model.name} {model.quant} on {answer.hardware.name}: ".replace("  ", " ")
    slots = f"{run.slots} slot{'s' if run.slots > 1 else ''} of {run.context_tokens:,} tokens"
    if isinstance(answer, Layout):
        text = [f"{head}fits, {answer.mode.value}; {slots}, KV cache {run.cache_type}"]
    else:
        text = [f"{head}does not fit with {slots}, KV cache {run.cache_type}"]
    text += aligned(table(answer))
    if isinstance(answer, Refusal):
        text += [shortfall_line(answer, index) for index in range(len(answer.shortfalls))]
        text += [f"way out: {way.change} ({way.effect})" for way in answer.ways_out]
    else:
        text += [f"- {reason}" for reason in answer.why]
    guessed = (*model.guessed, *answer.hardware.guessed)
    return [*text, *(f"guessed: {guess}" for guess in guessed)]


def shortfall_line(refusal: Refusal, index: int) -> str:
    """What is short on one device, with the arithmetic."""
    short = refusal.shortfalls[index]
    return (
        f"{short.device}: {short.needed_bytes / GIB:.1f} GiB needed ({short.what}), "
        f"{short.usable_bytes / GIB:.1f} GiB usable: {short.missing_bytes / GIB:.1f} GiB short"
    )


def aligned(rows: list[list[str]]) -> list[str]:
    """Columns of one width each, the first to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        ).rstrip()
        for row in rows
    ]
