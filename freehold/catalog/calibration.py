"""The speed model's constants, read from their data file."""

from __future__ import annotations

from functools import cache
from typing import Any

from freehold.catalog.data_file import data_file
from freehold.sizing.calibration import (
    AssumedConstants,
    BackendConstants,
    Calibration,
    Constant,
    DraftConstants,
    HostConstants,
    LoadConstants,
)
from freehold.sizing.hardware import Backend


@cache
def calibration() -> Calibration:
    """All constants; read once."""
    data = data_file("calibration.yaml")
    host = data["host"]
    return Calibration(
        backends={
            Backend(name): BackendConstants(**_read(d)) for name, d in data["backends"].items()
        },
        host=HostConstants(
            **_read({name: each for name, each in host.items() if name != "processor"}),
            processor=_read(host["processor"]),
        ),
        drafts=DraftConstants(tuple(Constant(**each) for each in data["drafts"]["accepted"])),
        load=LoadConstants(**_read(data["load"])),
        assumed=AssumedConstants(**_read(data["assumed"])),
        offload_min_tokens=data["offload_min_tokens"],
    )


def _read(data: dict[str, Any]) -> dict[str, Any]:
    """Every mapping with a source of its own as a Constant; all else as it is."""
    return {
        name: Constant(**each) if isinstance(each, dict) and "source" in each else each
        for name, each in data.items()
    }
