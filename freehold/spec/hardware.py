"""What is known of a node's hardware by hand, where reading it is not possible or not right."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from freehold.spec.choices import Number
from freehold.spec.kinds import OneLine, expected
from freehold.spec.typed import Typed, in_words

_AS_READ = in_words("as read from the node")
_CATALOGUE = in_words("the catalogue's")


def _card(value: Any) -> Any:
    if isinstance(value, int):
        raise expected("the name of a card", "how many it has is gpus")
    return value


class KnownHardware(Typed):
    """None is what is not said. GiB are 2^30 bytes; GB, MB and what is a second are decimal."""

    gpu: Annotated[OneLine | None, BeforeValidator(_card)] = Field(
        None, description="Name of its graphics card.", json_schema_extra=_AS_READ
    )
    gpus: int | None = Field(
        None, ge=1, le=64, description="How many of that card it has.", json_schema_extra=_AS_READ
    )
    gpu_memory_gib: Number | None = Field(
        None, gt=0, le=4096, description="Memory of each card, in GiB.", json_schema_extra=_AS_READ
    )
    ram_gib: Number | None = Field(
        None, gt=0, le=65_536, description="Its memory, in GiB.", json_schema_extra=_AS_READ
    )
    ram_bandwidth_gb_per_s: Number | None = Field(
        None,
        gt=0,
        le=100_000,
        description="Bandwidth of that memory over all channels, in GB/s.",
        json_schema_extra=_AS_READ,
    )
    disk_read_mb_per_s: Number | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="How fast the disk with the weights reads, in MB/s.",
        json_schema_extra=_AS_READ,
    )
    cores: int | None = Field(
        None, ge=1, le=4096, description="Its physical cores.", json_schema_extra=_AS_READ
    )
    watts: Number | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="What it draws while it answers, in W.",
        json_schema_extra=_CATALOGUE,
    )
    usd_per_hour: Number | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="What it costs to rent, in US dollars.",
        json_schema_extra=in_words("the catalogue's; an owned box costs none"),
    )
    purchase_usd: Number | None = Field(
        None,
        ge=0,
        le=1_000_000_000,
        description="What it cost to buy, in US dollars.",
        json_schema_extra=_CATALOGUE,
    )
