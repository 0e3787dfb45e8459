"""A verdict as a person reads it: the layout, then speed, cost, thinking, and owning or renting."""

from __future__ import annotations

import math
from collections.abc import Iterator

from freehold.sizing.cost import Cost
from freehold.sizing.held import Interval
from freehold.sizing.layout import Layout
from freehold.sizing.owning import OwningRow
from freehold.sizing.speed import Speed
from freehold.sizing.table import aligned, lines
from freehold.sizing.verdict import Verdict


def verdict_lines(verdict: Verdict) -> list[str]:
    """All of it as plain text."""
    text = lines(verdict.answer)
    if verdict.speed and isinstance(verdict.answer, Layout):
        text += ["", *speed_lines(verdict.speed, verdict.answer)]
    if verdict.cost:
        text += ["", *cost_lines(verdict.cost)]
    if verdict.thinking:
        text += ["", *aligned(list(_thinking(verdict)))]
    if verdict.owning:
        text += ["", *owning_lines(verdict)]
    return text


def speed_lines(speed: Speed, layout: Layout) -> list[str]:
    """Tokens a second and the time to load; predicted, or when they were measured."""
    said = f"measured {speed.measured_at}" if speed.measured_at else "predicted"
    depth = f"{speed.depth_tokens:,} tokens in the context"
    text = [f"{said}: {spread(speed.decode)} tokens/s decoded, {depth}; bound by {speed.bound}"]
    if speed.slots > 1:
        text.append(f"all {speed.slots} slots together: {spread(speed.decode_total)} tokens/s")
    text.append(f"prompt: {spread(speed.prompt)} tokens/s; bound by {speed.prompt_bound}")
    size = layout.model.file_bytes / 1e9
    text.append(f"load from a cold disk: {duration(speed.load_s)}, {size:.1f} GB")
    told = (*layout.model.guessed, *layout.hardware.guessed)
    return [*text, *(f"guessed: {each}" for each in speed.assumed if each not in told)]


def cost_lines(cost: Cost) -> list[str]:
    """What it costs an hour, until it answers, and for a million tokens."""
    per_hour = f"{cost.usd_per_hour:.2f} USD/h"
    basis = cost.basis if per_hour in cost.basis else f"{cost.basis}: {per_hour}"
    text = [
        f"{basis}, {money(cost.to_load)} USD to load",
        f"a million tokens: {money(cost.per_million)} USD for one stream",
    ]
    if cost.per_million_all_slots != cost.per_million:
        text[-1] += f", {money(cost.per_million_all_slots)} USD with all slots busy"
    if cost.for_ttl is not None:
        text.append(f"until it is given back: {cost.for_ttl:.2f} USD")
    return text


def _thinking(verdict: Verdict) -> Iterator[list[str]]:
    has_price = any(each.usd for each in verdict.thinking)
    yield ["thinking", "tokens an answer", "minutes", *(["USD"] if has_price else []), "source"]
    for each in verdict.thinking:
        tokens = spread(each.preset.expected_tokens)
        usd = [money(each.usd) if each.usd else ""] if has_price else []
        yield [each.preset.name, tokens, spread(each.minutes), *usd, each.preset.source]


def owning_lines(verdict: Verdict) -> list[str]:
    """When owning the machine beats renting one or an API, by hours of use a day."""
    hardware = verdict.answer.hardware
    text = [f"owning it: {hardware.purchase_usd:,.0f} USD once, {hardware.watts:.0f} W in use"]
    if rival := verdict.rival:
        text[0] += (
            f"; rented is {rival.name}, {rival.usd_per_hour:.2f} USD an hour at "
            f"{_number(rival.tokens_per_s)} tokens/s, for the same tokens"
        )
    head = ["hours a day", "million tokens a month", "own USD", "rent USD", "API USD"]
    rows = [[*head, "months to beat rent", "months to beat API"]]
    return text + aligned([*rows, *map(_owning_row, verdict.owning)])


def _owning_row(row: OwningRow) -> list[str]:
    usd = (row.owned_usd_per_month, row.rent_usd_per_month, row.api_usd_per_month)
    beats = (
        (row.rent_usd_per_month, row.months_to_beat_rent),
        (row.api_usd_per_month, row.months_to_beat_api),
    )
    return [
        f"{row.hours_per_day:g}",
        f"{row.tokens_per_month / 1e6:.2f}",
        *("" if each is None else f"{each:,.2f}" for each in usd),
        *(
            "" if other is None else "never" if months is None else f"{months:,.1f}"
            for other, months in beats
        ),
    ]


def spread(interval: Interval) -> str:
    """`7.3 (4.1 to 12)`; a single number where there is no doubt."""
    ends = _number(interval.low), _number(interval.high)
    expected = _number(interval.expected)
    return expected if interval.low == interval.high else f"{expected} ({ends[0]} to {ends[1]})"


def money(interval: Interval) -> str:
    """As `spread`, to the cent where it is dollars."""
    parts = [_cents(each) for each in (interval.expected, interval.low, interval.high)]
    if interval.low == interval.high:
        return parts[0]
    return f"{parts[0]} ({parts[1]} to {parts[2]})"


def duration(seconds: Interval) -> str:
    """In seconds, or in minutes from 100 s on."""
    if seconds.expected < 100:
        return f"{spread(seconds)} s"
    minutes = (seconds.low / 60, seconds.expected / 60, seconds.high / 60)
    return f"{spread(Interval(*minutes))} min"


def _cents(usd: float) -> str:
    if usd >= 1000:
        return f"{usd:,.0f}"
    places = 2 if usd >= 0.1 else min(1 - math.floor(math.log10(usd)), 6) if usd else 0
    return f"{usd:.{places}f}"


def _number(value: float) -> str:
    """Three figures at most, and no more precision than a prediction has."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
