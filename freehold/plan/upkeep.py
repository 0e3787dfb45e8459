"""What keeps a node's machine, as items of a plan."""

from __future__ import annotations

from freehold.plan.file import File
from freehold.plan.item import Item
from freehold.plan.tuning import Tuning
from freehold.render.paths import TUNING_PATH, TUNING_UNIT_PATH, WARDEN_PATH
from freehold.render.tuning import tuning_settings, tuning_unit
from freehold.spec import tuning as spec_tuning
from freehold.warden.program import program_text


def upkeep_items(tuning: spec_tuning.Tuning | None, has_gpu: bool) -> tuple[Item, ...]:
    """None where the stack leaves its machines as they are."""
    if tuning is None:
        return ()
    settings = tuning_settings(tuning)
    return (
        File(WARDEN_PATH, program_text().encode()),
        File(TUNING_PATH, settings.encode()),
        File(TUNING_UNIT_PATH, tuning_unit(has_gpu).encode()),
        Tuning(settings),
    )
