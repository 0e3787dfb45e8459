"""What becomes of a resource on its box: previewed, created, read, updated, deleted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Protocol

from freehold.apply.converge import converge, plan, remove
from freehold.apply.script import run_steps
from freehold.errors import FreeholdError
from freehold.infra.keeping import Keeping
from freehold.infra.kinds import ResourceKind, ServiceKind
from freehold.infra.partial_error import PartialError
from freehold.infra.sessions import GoneError, Session, Sessions, instance_of
from freehold.infra.values import UNKNOWN, Properties
from freehold.plan.steps import describe
from freehold.service.ready import wait_ready


@dataclass(frozen=True)
class Found:
    """A resource as it is: the inputs that would describe it, and all properties."""

    inputs: Properties
    outputs: Properties


class Resource(Protocol):
    """What the servicer asks of a resource type."""

    def preview(self, urn: str, inputs: Properties, old: Properties) -> Properties:
        """The outputs as far as they are known before an update; `old` are those of now, {} for a
        resource that is yet to be made."""

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Its id and outputs, once it is there."""

    def read(self, inputs: Properties, outputs: Properties) -> Found | None:
        """As it is now; None where it is proven absent."""

    def update(self, urn: str, inputs: Properties, old: Properties) -> Properties:
        """The outputs, once it is as `inputs` say; `old` are those of now."""

    def delete(self, urn: str, outputs: Properties) -> None:
        """Have it gone."""


class BoxResource:
    """A resource that lies on a box: its kind's item, converged."""

    def __init__(
        self,
        kind: ResourceKind,
        sessions: Sessions,
        keeping: Keeping,
    ) -> None:
        self._kind, self._sessions, self._keeping = kind, sessions, keeping
        self._log = keeping.log

    def preview(self, urn: str, inputs: Properties, old: Properties) -> Properties:  # noqa: ARG002
        """Asks the box whether it would do: PlanError says already now what `up` would."""
        if not self._kind.is_known(inputs):
            return inputs
        session, item = self._session(inputs), self._kind.item(inputs)
        facts = session.look(item)
        steps = plan(session.host, [item], [facts])
        self._log.status(urn, "; ".join(map(describe, steps)))
        told_after = self._kind.told_after if steps else ()
        return self._kind.outputs(inputs, facts, session.host) | dict.fromkeys(told_after, UNKNOWN)

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Whatever of it is there already is kept: a create that was killed is created again."""
        return self._kind.id(inputs), self.update(urn, inputs, {})

    def read(self, inputs: Properties, outputs: Properties) -> Found | None:
        """Raises where the box cannot be reached: that is never "gone", unless AWS says that its
        instance is."""
        session = self._session(outputs)
        try:
            facts = session.look(self._kind.item(outputs))
        except GoneError:
            return None
        found = self._kind.found(inputs or outputs, facts, session.host)
        if found is None:
            return None
        return Found(found, self._kind.outputs(found, facts, session.host))

    def update(self, urn: str, inputs: Properties, old: Properties) -> Properties:  # noqa: ARG002
        """Raises PartialError once something was begun on the box."""
        session, item = self._session(inputs), self._kind.item(inputs)
        todo = plan(session.host, [item], [session.look(item)])
        with self._sessions.changing(session) as host:
            try:
                if isinstance(self._kind, ServiceKind):
                    # A server that crashes is told by its journal, not by steps left to do.
                    if todo:
                        run_steps(host, todo)
                    self._wait_ready(session, urn, inputs)
                    self._keeping.served(urn, host, inputs["serves"])
                if todo:
                    syncing = self._keeping.syncing(urn, instance_of(inputs))
                    converge(host, [item], self._keeping.open_store(), syncing)
                self._kind.prove(inputs, host, self._sessions.cancelled)
            except FreeholdError as error:
                raise PartialError(error, self._kind.id(inputs), inputs) from error
        return self._kind.outputs(inputs, session.look(item), session.host)

    def delete(self, urn: str, outputs: Properties) -> None:
        """Leaves the box as it was found."""
        session = self._session(outputs)
        try:
            session.require_there()
        except GoneError as gone:
            self._log.info(urn, gone.problems[0].message)
            return
        with self._sessions.changing(session) as host:
            wiped = partial(self._keeping.wiped, urn, host)
            remove(host, [self._kind.item(outputs)], wiped)

    def _session(self, properties: Properties) -> Session:
        return self._sessions.of(properties)

    def _wait_ready(self, session: Session, urn: str, inputs: Properties) -> None:
        took_s = wait_ready(
            session.host,
            inputs["unit"],
            inputs["port"],
            inputs["ready_timeout_s"],
            on_state=partial(self._log.status, urn),
            cancelled=self._sessions.cancelled,
        )
        self._log.info(urn, f"first token after {took_s:.1f} s")
        # Not for an operation that starts nothing: it takes as long as all the rest to import.
        from freehold.infra.attested import not_attested

        if reason := not_attested(session.host, inputs):
            self._log.info(urn, reason)
