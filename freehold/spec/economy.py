"""What a plan may cost and must achieve, and the prices that it is counted with."""

from __future__ import annotations

from pydantic import Field

from freehold.spec.choices import Number
from freehold.spec.typed import Typed, in_words

_NONE = in_words("none")


class Policy(Typed):
    """What turns a plan into an error before anything is touched; None asks for nothing."""

    min_tokens_per_s: Number | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="Least predicted tokens a second that one request is answered with.",
        json_schema_extra=_NONE,
    )
    max_usd_per_hour: Number | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="Most that all nodes together may cost an hour, in US dollars.",
        json_schema_extra=_NONE,
    )
    min_context_tokens: int | None = Field(
        None,
        ge=1,
        le=16_777_216,
        description="Least context that each slot must get, in tokens.",
        json_schema_extra=_NONE,
    )


class Prices(Typed):
    """Prices in US dollars; None is not known."""

    usd_per_kwh: Number | None = Field(
        None,
        gt=0,
        le=1000,
        description="Price of electricity, in US dollars; it turns watts into money.",
        json_schema_extra=_NONE,
    )
    api_usd_per_million_tokens: Number | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="What an API asks for the same model, in US dollars, to compare with.",
        json_schema_extra=_NONE,
    )
