"""What keeps a node's machine, as items of a plan."""

from __future__ import annotations

from freehold.plan.file import File
from freehold.plan.item import Item
from freehold.plan.tuning import Tuning
from freehold.plan.unit import Unit
from freehold.render.guard import guard_settings, guard_unit
from freehold.render.paths import (
    GUARD_PATH,
    GUARD_UNIT,
    GUARD_UNIT_PATH,
    TELEMETRY_TIMER,
    TELEMETRY_TIMER_PATH,
    TELEMETRY_UNIT_PATH,
    TUNING_PATH,
    TUNING_UNIT_PATH,
    WARDEN_PATH,
)
from freehold.render.telemetry import telemetry_timer, telemetry_unit
from freehold.render.tuning import tuning_settings, tuning_unit
from freehold.spec import tuning as spec_tuning
from freehold.spec.guard import Guard
from freehold.spec.telemetry import Telemetry
from freehold.warden.program import program_text

GUARD = Unit(GUARD_UNIT, (GUARD_PATH, GUARD_UNIT_PATH, WARDEN_PATH))


TELEMETRY = Unit(TELEMETRY_TIMER, (TELEMETRY_TIMER_PATH, TELEMETRY_UNIT_PATH, WARDEN_PATH))


def upkeep_items(
    tuning: spec_tuning.Tuning | None,
    guard: Guard | None,
    telemetry: Telemetry | None,
    port: int,
    has_gpu: bool,
) -> tuple[Item, ...]:
    """None where the stack leaves its machines as they are."""
    items: list[Item] = []
    if any(each is not None for each in (tuning, guard, telemetry)):
        items.append(File(WARDEN_PATH, program_text().encode()))
    if tuning is not None:
        settings = tuning_settings(tuning)
        items += [
            File(TUNING_PATH, settings.encode()),
            File(TUNING_UNIT_PATH, tuning_unit(has_gpu).encode()),
            Tuning(settings),
        ]
    if guard is not None:
        items += [
            File(GUARD_PATH, guard_settings(guard).encode()),
            File(GUARD_UNIT_PATH, guard_unit(guard, has_gpu).encode()),
            GUARD,
        ]
    if telemetry is not None:
        items += [
            File(TELEMETRY_UNIT_PATH, telemetry_unit(telemetry, port, has_gpu).encode()),
            File(TELEMETRY_TIMER_PATH, telemetry_timer(telemetry).encode()),
            TELEMETRY,
        ]
    return tuple(items)
