"""How the machine under a server is tuned: the keys of freehold:tuning."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from freehold.spec.choices import Number, integer_or, one_of
from freehold.spec.typed import Typed, in_words

Keep = Literal["keep"]
Governor = Literal["performance", "schedutil", "ondemand", "powersave", "keep"]

_AS_FOUND = in_words("as found")


class Tuning(Typed):
    """`keep` and None leave a switch as it was found."""

    governor: Annotated[Governor, one_of(*get_args(Governor))] = Field(
        "performance",
        description="Governor of the processors' frequency: `performance`, `schedutil`, "
        "`ondemand`, `powersave`, or `keep`.",
    )
    swappiness: Annotated[int | Keep, integer_or("keep", 0, 200)] = Field(
        10,
        description="vm.swappiness: the lower, the longer the server's memory stays in RAM; or "
        "`keep`.",
    )
    read_ahead_kib: Annotated[int | Keep, integer_or("keep", 4, 65_536)] = Field(
        "keep",
        description="What is read ahead from the disk under the weights, in KiB; or `keep`.",
    )
    gpu_persistence: bool = Field(
        True,
        description="Whether NVIDIA's driver stays loaded with no program on the GPUs.",
    )
    gpu_power_limit_watts: Number | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Most that each NVIDIA GPU may draw, in W.",
        json_schema_extra=_AS_FOUND,
    )
    gpu_clock_max_mhz: int | None = Field(
        None,
        ge=100,
        le=10_000,
        description="Highest clock of each NVIDIA GPU, in MHz.",
        json_schema_extra=_AS_FOUND,
    )
