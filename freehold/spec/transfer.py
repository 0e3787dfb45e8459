"""How weights are moved to nodes: over how many connections, and how fast at what time of day."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from freehold.spec.choices import Number
from freehold.spec.kinds import expected
from freehold.spec.typed import Typed, in_words

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def _time(value: Any) -> Any:
    # YAML 1.1 reads 18:00 without quotes as 1080: minutes, in base 60.
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:
        return f"{value // 60:02}:{value % 60:02}"
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise expected('a time of day such as "18:00"')
    return value


TimeOfDay = Annotated[str, BeforeValidator(_time)]


class RateLimit(Typed):
    """The most that one sync sends, at a part of the day."""

    mbit_per_s: Number = Field(
        gt=0, le=1_000_000, description="Most that one sync sends, in Mbit/s (1e6 bits)."
    )
    from_time: TimeOfDay = Field(
        "00:00",
        description="When it begins to hold, by the clock of the machine that syncs.",
        json_schema_extra=in_words("midnight"),
    )
    to_time: TimeOfDay = Field(
        "00:00",
        description="When it ends; before from_time where it holds over midnight.",
        json_schema_extra=in_words("midnight"),
    )

    @property
    def start(self) -> int:
        """Minutes after midnight."""
        return minutes_of(self.from_time)

    @property
    def end(self) -> int:
        """Minutes after midnight."""
        return minutes_of(self.to_time)

    @property
    def bytes_per_s(self) -> float:
        """The same in bytes."""
        return float(self.mbit_per_s) * 1e6 / 8


class Transfer(Typed):
    """How weights go from the store to the nodes."""

    connections: int = Field(
        4, ge=1, le=64, description="SSH connections that one node's weights go through."
    )
    limits: tuple[RateLimit, ...] = Field(
        (),
        description="The most that may be sent, by time of day; the lowest that holds counts.",
        json_schema_extra=in_words("no limit"),
    )


def minutes_of(time: str) -> int:
    """Minutes after midnight of "18:00"."""
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)
