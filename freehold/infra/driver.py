"""The driver as a resource: before the engine, through a reboot within one `up`, never removed."""

from __future__ import annotations

from functools import partial
from typing import Any

from freehold.apply.converge import plan
from freehold.catalog.nvidia import Repository
from freehold.errors import FreeholdError
from freehold.facts.driver import DriverFacts
from freehold.infra.engine_log import EngineLog
from freehold.infra.lifecycle import Found
from freehold.infra.partial_error import PartialError
from freehold.infra.sessions import GoneError, Session, Sessions
from freehold.infra.values import UNKNOWN, Properties
from freehold.plan.driver import Driver, reboot_foreseen
from freehold.plan.driver_wanted import DriverWanted
from freehold.plan.item import PlanError
from freehold.plan.steps import describe
from freehold.service.driver import settle_driver
from freehold.service.reboot import Rebooting
from freehold.spec.driver import Reboots

IN_PLACE = "in place"
TOLD = ("version", "nvidia", "installed")
"""The outputs: the driver's version, what nvidia-smi lists, the packages that Freehold added."""


class DriverResource:
    """`branch`, `cuda`, `reboot`, `mirror` and `port` (the server's) in, and `state`, which is
    wanted to be IN_PLACE."""

    def __init__(self, sessions: Sessions, log: EngineLog) -> None:
        self._sessions, self._log = sessions, log

    def preview(self, urn: str, inputs: Properties, old: Properties) -> Properties:  # noqa: ARG002
        """See Resource.preview. PlanError says already now what no step can do anything about."""
        session, driver = self._sessions.of(inputs), _driver(inputs)
        found = session.look(driver)
        steps = plan(session.host, [driver], [found])
        if not steps:
            return {**inputs, **_told(found)}
        said = "; ".join([*map(describe, steps), "then what follows from that"])
        self._log.status(urn, said)
        if later := reboot_foreseen(driver.wanted, found):
            self._log.info(urn, later)
        return {**inputs, **dict.fromkeys(TOLD, UNKNOWN)}

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """See Resource.create."""
        return _id(inputs), self.update(urn, inputs, {})

    def read(self, inputs: Properties, outputs: Properties) -> Found | None:
        """See Resource.read: its `state` is what is left to do, or what stops that."""
        wanted = inputs or outputs
        session, driver = self._sessions.of(outputs), _driver(wanted)
        try:
            found = session.look(driver)
        except GoneError:
            return None
        now = {**wanted, "state": _state(session, driver, found)}
        return Found(now, {**now, **_told(found)})

    def update(self, urn: str, inputs: Properties, old: Properties) -> Properties:  # noqa: ARG002
        """See Resource.update. Raises PartialError once something was begun on the box."""
        session, driver = self._sessions.of(inputs), _driver(inputs)
        how = Rebooting(
            inputs["port"],
            on_state=partial(self._log.status, urn),
            cancelled=self._sessions.cancelled,
        )
        if plan(session.host, [driver], [session.look(driver)]):
            with self._sessions.changing(session) as host:
                try:
                    settle_driver(host, driver, how)
                except FreeholdError as error:
                    raise PartialError(error, _id(inputs), inputs) from error
        return {**inputs, **_told(session.look(driver))}

    def delete(self, urn: str, outputs: Properties) -> None:
        """See Resource.delete. It stays, and is named: docs/decisions/013."""
        version, installed = outputs.get("version"), outputs.get("installed")
        by_us = f"; Freehold installed {', '.join(installed)}" if installed else ""
        self._log.info(urn, f"the driver {version or ''} stays{by_us}; fab driver.remove takes it")


def _driver(inputs: Properties) -> Driver:
    mirror = inputs.get("mirror")  # the engine leaves out what is null
    return Driver(
        DriverWanted(
            branch=inputs["branch"],
            cuda=inputs.get("cuda"),
            reboot=Reboots(inputs["reboot"]),
            mirror=Repository(**mirror) if mirror else None,
        )
    )


def _id(inputs: Properties) -> str:
    return f"{inputs['node']}:driver"


def _told(found: DriverFacts) -> dict[str, Any]:
    return {
        "version": found.loaded_version,
        "nvidia": list(found.listed),
        "installed": list(found.installed_by_us),
    }


def _state(session: Session, driver: Driver, found: DriverFacts) -> str:
    try:
        steps = plan(session.host, [driver], [found])
    except PlanError as error:
        return error.problems[0].message
    return "; ".join(map(describe, steps)) or IN_PLACE
