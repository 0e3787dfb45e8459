"""The files of a machine's tuning: its settings, and the unit that sets them at each boot."""

from __future__ import annotations

import json
from dataclasses import dataclass

from freehold.render.paths import TUNING_PATH, TUNING_UNIT_PATH, WARDEN_PATH
from freehold.render.templates import render
from freehold.spec.tuning import Tuning


@dataclass(frozen=True)
class TuningContext:
    """What the unit's template may use."""

    tune: str
    untune: str
    has_gpu: bool


def tuning_settings(tuning: Tuning) -> str:
    """What the warden reads: every switch that is to be set, and no other."""
    wanted = {
        name: value
        for name, value in tuning.model_dump().items()
        if value is not None and value != "keep"
    }
    return json.dumps(wanted, indent=1, sort_keys=True) + "\n"


def tuning_unit(has_gpu: bool) -> str:
    """The text of freehold-tuning.service."""
    program = f"python3 -I {WARDEN_PATH}"
    context = TuningContext(f"{program} tune {TUNING_PATH}", f"{program} untune", has_gpu)
    return render(TUNING_UNIT_PATH, context)
