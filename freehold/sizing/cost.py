"""What a layout costs: rented by the hour, or owned by its electricity."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.sizing.hardware import Hardware
from freehold.sizing.held import Interval
from freehold.sizing.speed import Speed

MILLION = 1e6


@dataclass(frozen=True)
class Cost:
    """In US dollars. `basis` says what is counted.

    `to_load` is the hours until the model answers, `per_million` are decoded tokens of one
    stream, or of all slots together; `for_ttl` the whole life of a rented node, None where it has
    no end.
    """

    basis: str
    usd_per_hour: float
    to_load: Interval
    per_million: Interval
    per_million_all_slots: Interval
    for_ttl: float | None = None


def cost(
    hardware: Hardware,
    speed: Speed,
    *,
    usd_per_kwh: float | None = None,
    ttl_hours: float | None = None,
) -> Cost | None:
    """Of the rent where there is one, else of the electricity; None where neither is known.

    What was paid to buy an owned box is not counted: see `freehold.sizing.owning`.
    """
    found = usd_per_hour(hardware, usd_per_kwh)
    if found is None:
        return None
    per_hour, basis = found
    return Cost(
        basis,
        per_hour,
        _times(speed.load_s, per_hour / 3600),
        usd_per_million(per_hour, speed.decode),
        usd_per_million(per_hour, speed.decode_total),
        None if ttl_hours is None else per_hour * ttl_hours,
    )


def usd_per_hour(hardware: Hardware, usd_per_kwh: float | None) -> tuple[float, str] | None:
    """Of one machine, and in words what that is."""
    if hardware.usd_per_hour is not None:
        return hardware.usd_per_hour, f"rent: {hardware.usd_per_hour:.2f} USD/h"
    if hardware.watts is None or usd_per_kwh is None:
        return None
    per_hour = hardware.watts / 1000 * usd_per_kwh
    return per_hour, f"electricity: {hardware.watts:.0f} W at {usd_per_kwh:.2f} USD/kWh"


def usd_per_million(per_hour: float, tokens_per_s: Interval) -> Interval:
    """Of a million tokens at a speed: the faster, the cheaper."""
    return Interval(
        *(
            per_hour / 3600 * MILLION / each
            for each in (tokens_per_s.high, tokens_per_s.expected, tokens_per_s.low)
        )
    )


def _times(interval: Interval, factor: float) -> Interval:
    return Interval(interval.low * factor, interval.expected * factor, interval.high * factor)
