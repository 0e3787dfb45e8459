"""A machine's tuning that is wanted on a box: every switch as the settings say, at each boot."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.facts.fact import Fact
from freehold.facts.tuning import TuningFacts, tuning_fact
from freehold.plan.steps import Plan, RestartUnit, StartUnit, Untune
from freehold.plan.unit import Unit
from freehold.render.paths import TUNING_PATH, TUNING_UNIT, TUNING_UNIT_PATH, WARDEN_PATH

WATCHED = (TUNING_PATH, TUNING_UNIT_PATH, WARDEN_PATH)


@dataclass(frozen=True)
class Tuning:
    """`settings` is the text of its file."""

    settings: str
    follows_others = True

    @property
    def label(self) -> str:
        """See Item.label."""
        return "tuning"

    @property
    def unit(self) -> Unit:
        """That sets the switches."""
        return Unit(TUNING_UNIT, WATCHED)

    def fact(self) -> Fact[TuningFacts]:
        """See Item.fact."""
        return tuning_fact(TUNING_UNIT, WATCHED, self.settings)

    def plan(self, place: str, found: TuningFacts) -> Plan:
        """See Item.plan. A switch that was moved by hand is set again; what was there before us
        stays known."""
        steps = self.unit.plan(place, found.unit)
        if found.off and not any(isinstance(step, StartUnit | RestartUnit) for step in steps):
            why = ", ".join(f"{name} is {value}" for name, value in found.off.items())
            return (*steps, RestartUnit(TUNING_UNIT, why))
        return steps

    def removal(self, found: TuningFacts) -> Plan:
        """See Item.removal. As the unit stops it puts back, and what it cannot passes unseen: asked
        once more it is an error, before the program goes."""
        return (*self.unit.removal(found.unit), Untune(WARDEN_PATH))
