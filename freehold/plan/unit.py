"""A systemd unit that is wanted enabled, and running with what its files say now."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.facts.fact import Fact
from freehold.facts.unit import UnitFacts, unit_fact
from freehold.plan.item import PlanError
from freehold.plan.steps import (
    EnableUnit,
    Plan,
    ReloadUnit,
    ReloadUnits,
    RemoveUnit,
    RestartUnit,
    StartUnit,
    Step,
)
from freehold.render.paths import UNIT_FOLDER


@dataclass(frozen=True)
class Unit:
    """`watched` are the files whose change asks for a restart; `port` must be free or its own.

    A unit that can reload does that instead, but for a change of its own file: `stamp` is the file
    that it touches whenever it takes up the others. `port_key` is where the stack says the port.
    """

    name: str
    watched: tuple[str, ...] = ()
    port: int | None = None
    stamp: str = ""
    port_key: str = "freehold:server.port"
    follows_others = True

    @property
    def label(self) -> str:
        """See Item.label."""
        return self.name

    def fact(self) -> Fact[UnitFacts]:
        """See Item.fact."""
        return unit_fact(self.name, self.watched, self.port, self.stamp)

    def plan(self, place: str, found: UnitFacts) -> Plan:
        """See Item.plan. The need for a restart follows from times on the box alone, so a
        controller that was killed between a write and its restart loses nothing."""
        self.require_port(place, found)
        steps: list[Step] = []
        stale = [path for path in self.watched if found.is_stale(path)]
        # A unit that ran without its file is remembered as broken, also when the file is back. Of
        # another unit's file, as of the service that a timer starts, this one's state says nothing.
        if (
            found.needs_daemon_reload
            or found.load_state != "loaded"
            or any(path.startswith(UNIT_FOLDER) for path in stale)
        ):
            steps.append(ReloadUnits())
        if not found.is_enabled:
            steps.append(EnableUnit(self.name))
        if not found.is_running:
            steps.append(StartUnit(self.name, f"it is {found.active_state}"))
        elif found.is_between_restarts:
            steps.append(StartUnit(self.name, "it crashed"))
        elif stale and self.stamp and not any(path.startswith(UNIT_FOLDER) for path in stale):
            steps.append(ReloadUnit(self.name, f"older than {', '.join(stale)}"))
        elif stale:
            steps.append(RestartUnit(self.name, f"older than {', '.join(stale)}"))
        return tuple(steps)

    def removal(self, found: UnitFacts) -> Plan:
        """See Item.removal."""
        if found.is_absent:
            return ()
        return (RemoveUnit(self.name),)

    def require_port(self, place: str, found: UnitFacts) -> None:
        """Raises PlanError where another program listens on the unit's port."""
        if found.port_holder is not None:
            raise PlanError.of(
                place,
                f"port {self.port}: expected it to be free for {self.name}, "
                f"found {found.port_holder} listening",
                f"stop that program, or set {self.port_key} to another port",
            )
