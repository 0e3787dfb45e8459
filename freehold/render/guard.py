"""The files of a node's guard: its settings and its unit."""

from __future__ import annotations

import json
from dataclasses import dataclass

from freehold.render.paths import GUARD_PATH, GUARD_UNIT_PATH, UNIT, WARDEN_PATH
from freehold.render.templates import render
from freehold.spec.guard import Guard

_LOCAL = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class GuardContext:
    """What the unit's template may use."""

    command: str
    has_gpu: bool
    has_ups: bool
    ups_is_local: bool


def guard_settings(guard: Guard) -> str:
    """What the warden reads: its rungs, limits and times."""
    limits = {
        "gpu": guard.gpu_celsius_max,
        "cpu": guard.processor_celsius_max,
        "disk": guard.disk_celsius_max,
    }
    rungs = [f"power {percent}" for percent in sorted(set(guard.power_percent), reverse=True)]
    wanted = {
        "unit": UNIT,
        "limits": {kind: limit for kind, limit in limits.items() if limit is not None},
        "rungs": [*rungs, *(["stop"] if guard.stop else [])],
        "hysteresis_celsius": guard.hysteresis_celsius,
        "dwell_s": guard.dwell_s,
        "recover_s": guard.recover_s,
        "every_s": guard.every_s,
        "ups": guard.ups,
        "ups_charge_min_percent": guard.ups_charge_min_percent,
    }
    return json.dumps(wanted, indent=1, sort_keys=True) + "\n"


def guard_unit(guard: Guard, has_gpu: bool) -> str:
    """The text of freehold-guard.service."""
    host = (guard.ups or "").partition("@")[2].partition(":")[0] or "localhost"
    context = GuardContext(
        command=f"python3 -I {WARDEN_PATH} guard {GUARD_PATH}",
        has_gpu=has_gpu,
        has_ups=guard.ups is not None,
        ups_is_local=host in _LOCAL,
    )
    return render(GUARD_UNIT_PATH, context)
