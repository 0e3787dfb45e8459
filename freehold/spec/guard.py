"""What a node does about heat and a failing supply: the keys of freehold:guard."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from freehold.spec.choices import Number
from freehold.spec.kinds import expected
from freehold.spec.typed import Typed, in_words

_UPS = re.compile(r"[A-Za-z0-9_.-]+(@[A-Za-z0-9_.-]+(:[0-9]{1,5})?)?")
_NOT_GUARDED = in_words("not guarded")


def _percent(value: int) -> int:
    if not 30 <= value <= 99:
        raise expected("a percentage from 30 to 99")
    return value


def _ups(text: str) -> str:
    if not _UPS.fullmatch(text):
        raise expected("a UPS as upsc names it: NAME, or NAME@HOST")
    return text


class Guard(Typed):
    """Limits in degrees C; None is not guarded."""

    gpu_celsius_max: Number | None = Field(
        90, ge=40, le=120, description="Warmest that a GPU may get, in degrees C."
    )
    processor_celsius_max: Number | None = Field(
        None,
        ge=40,
        le=120,
        description="Warmest that a processor may get, in degrees C. Some run at 95 by design.",
        json_schema_extra=_NOT_GUARDED,
    )
    disk_celsius_max: Number | None = Field(
        80, ge=30, le=120, description="Warmest that a disk may get, in degrees C."
    )
    hysteresis_celsius: Number = Field(
        10, ge=1, le=60, description="How far below its limit each must be to count as cool."
    )
    power_percent: tuple[Annotated[int, AfterValidator(_percent)], ...] = Field(
        (85, 70),
        max_length=8,
        description="What the GPUs' power limit is lowered to, step by step, in percent of what "
        "it was.",
        json_schema_extra=in_words("[85, 70]"),
    )
    stop: bool = Field(
        True, description="Whether the server is stopped, where that was not enough."
    )
    dwell_s: int = Field(
        60, ge=10, le=86_400, description="Seconds that each step is given to help."
    )
    recover_s: int = Field(
        600,
        ge=60,
        le=86_400,
        description="Seconds that all must be cool before a step is taken back; doubled each time "
        "that the heat comes back soon.",
    )
    every_s: int = Field(5, ge=1, le=60, description="Seconds between two looks.")
    ups: Annotated[str, AfterValidator(_ups)] | None = Field(
        None,
        description="UPS, as NUT's upsc names it; when it is low the server is stopped.",
        json_schema_extra=in_words("none"),
    )
    ups_charge_min_percent: int = Field(
        30, ge=1, le=99, description="Charge below which a UPS on battery counts as low."
    )
