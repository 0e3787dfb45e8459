"""How the switches stand that a node's tuning speaks of, and how the unit that sets them does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial

from freehold.facts.fact import Fact, every
from freehold.facts.unit import UnitFacts, unit_fact
from freehold.facts.warden import warden_script


@dataclass(frozen=True)
class Switch:
    """`found` is None where the machine has none, or does not tell: `why` says it."""

    name: str
    wanted: str
    found: str | None
    why: str | None
    is_off: bool


@dataclass(frozen=True)
class TuningFacts:
    """Of the unit, and of each switch."""

    unit: UnitFacts
    switches: tuple[Switch, ...]

    @property
    def off(self) -> dict[str, str]:
        """What is not as wanted, by the switch's name."""
        return {each.name: str(each.found) for each in self.switches if each.is_off}

    @property
    def left_alone(self) -> tuple[str, ...]:
        """What the machine has not, with the reason."""
        return tuple(f"{each.name}: {each.why}" for each in self.switches if each.found is None)


def tuning_fact(unit: str, watched: tuple[str, ...], settings: str) -> Fact[TuningFacts]:
    """`settings` as they would be placed: what is on the box already has no say."""
    of_unit = unit_fact(unit, watched)
    # A box that has no python3 yet is told by its own check: box.py's tools.
    script = f"({of_unit.script}\n) || exit\nprintf 'switches='\n{warden_script('tuned', settings)}"
    return Fact(unit, script, partial(_parse, of_unit))


def _parse(of_unit: Fact[UnitFacts], text: str) -> TuningFacts:
    (told,) = every(text, "switches")
    names = ("name", "wanted", "found", "why", "is_off")
    switches = (Switch(**{name: each[name] for name in names}) for each in json.loads(told))
    return TuningFacts(of_unit.parse(text), tuple(switches))
