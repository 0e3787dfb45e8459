"""The whole answer on one machine: does it fit, how fast, what it costs, what thinking costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from freehold.sizing.calibration import Calibration
from freehold.sizing.choose import lay_out
from freehold.sizing.cost import Cost, cost
from freehold.sizing.hardware import Hardware
from freehold.sizing.layout import Answer, Layout, Refusal
from freehold.sizing.measurement import Measurement
from freehold.sizing.model import ModelShape
from freehold.sizing.owning import HOURS_PER_DAY, OwningRow, Terms, owning_table
from freehold.sizing.speed import Speed, predict_speed
from freehold.sizing.thinking import ThinkingCost, presets_of, thinking_cost
from freehold.sizing.ways_out import ways_out
from freehold.sizing.wishes import Wishes


@dataclass(frozen=True)
class Market:
    """What else could be had, and prices in US dollars, None where one is not known.

    `quants` are other quants of the model, `machines` what could be rented; both are looked at
    only where they are needed. `hours` are those until a rented machine is given back, or of use
    a day of an owned one.
    """

    quants: Sequence[ModelShape] = ()
    machines: Sequence[Hardware] = ()
    usd_per_kwh: float | None = None
    api_usd_per_million: float | None = None
    hours: float | None = None


@dataclass(frozen=True)
class Rival:
    """What could be rented in place of an owned machine, and its decoding in tokens/s."""

    name: str
    usd_per_hour: float
    tokens_per_s: float


@dataclass(frozen=True)
class Verdict:
    """`speed` and `cost` are None where the model does not fit, or no price is known.

    `owning` compares an owned machine with `rival` and an API; it is empty where what it cost to
    buy, what it draws, or the price of electricity is not known.
    """

    answer: Answer
    speed: Speed | None = None
    cost: Cost | None = None
    thinking: tuple[ThinkingCost, ...] = ()
    owning: tuple[OwningRow, ...] = ()
    rival: Rival | None = None

    @property
    def fits(self) -> bool:
        return isinstance(self.answer, Layout)


def judge(
    model: ModelShape,
    hardware: Hardware,
    wishes: Wishes,
    calibration: Calibration,
    market: Market = Market(),
    *,
    thinking: Mapping[str, Any] | None = None,
    measured: Measurement | None = None,
) -> Verdict:
    """The layout and all that follows from it; the ways out where there is none.

    `thinking` holds the presets of a model that the catalogue knows.
    """
    answer = lay_out(model, hardware, wishes)
    if isinstance(answer, Refusal):
        ways = ways_out(answer, wishes, market.quants, market.machines)
        return Verdict(replace(answer, ways_out=ways))
    speed = predict_speed(answer, calibration, measured)
    ttl_hours = None if hardware.usd_per_hour is None else market.hours
    costs = cost(hardware, speed, usd_per_kwh=market.usd_per_kwh, ttl_hours=ttl_hours)
    per_hour = costs.usd_per_hour if costs else None
    presets = presets_of(thinking) if thinking else ()
    terms = _terms(hardware, speed, market)
    rival = cheapest_rival(model, wishes, calibration, market.machines) if terms else None
    return Verdict(
        answer,
        speed,
        costs,
        tuple(thinking_cost(preset, speed, per_hour) for preset in presets),
        _owning(terms, rival, market) if terms else (),
        rival,
    )


def cheapest_rival(
    model: ModelShape, wishes: Wishes, calibration: Calibration, machines: Iterable[Hardware]
) -> Rival | None:
    """The rentable machine whose tokens cost least, one stream at a time; None: none holds it."""
    rivals: list[Rival] = []
    for machine in machines:
        # Devices that the wishes name are the owned machine's.
        answer = lay_out(model, machine, replace(wishes, devices=None))
        if isinstance(answer, Layout) and machine.usd_per_hour is not None:
            speed = predict_speed(answer, calibration).decode.expected
            rivals.append(Rival(machine.name, machine.usd_per_hour, speed))
    return min(rivals, key=lambda rival: rival.usd_per_hour / rival.tokens_per_s, default=None)


def _terms(hardware: Hardware, speed: Speed, market: Market) -> Terms | None:
    """Of a machine that is owned, where what it cost, what it draws and electricity are known."""
    bought, watts, usd_per_kwh = hardware.purchase_usd, hardware.watts, market.usd_per_kwh
    if hardware.usd_per_hour is not None or bought is None or watts is None or usd_per_kwh is None:
        return None
    tokens_per_s = speed.decode.expected
    return Terms(
        bought, watts, usd_per_kwh, tokens_per_s, api_usd_per_million=market.api_usd_per_million
    )


def _owning(terms: Terms, rival: Rival | None, market: Market) -> tuple[OwningRow, ...]:
    if rival:
        # For the same tokens: a rented machine that is faster is needed for less time.
        rent = rival.usd_per_hour * terms.tokens_per_s / rival.tokens_per_s
        terms = replace(terms, rent_usd_per_hour=rent)
    asked = [min(market.hours, 24.0)] if market.hours else []
    return owning_table(terms, sorted({*HOURS_PER_DAY, *asked}))
