"""A node's layout as a resource: its planned outputs are what a preview knows of fit and speed."""

from __future__ import annotations

from collections.abc import Callable

from freehold.infra.engine_log import EngineLog
from freehold.infra.lifecycle import Found
from freehold.infra.likely import LikelyTypes
from freehold.infra.sessions import Sessions
from freehold.infra.values import UNKNOWN, Properties, has_unknown
from freehold.weights.store import Store

TOLD = ("planned", "mode", "engine_asked", "devices", "speed", "cost")
"""The outputs, all of them in a preview too."""


class LayoutResource:
    """Made once, and again when its inputs change: free memory alone never moves a layer."""

    def __init__(
        self,
        sessions: Sessions,
        open_store: Callable[[], Store],
        log: EngineLog,
        likely: LikelyTypes,
    ) -> None:
        self._sessions, self._open_store, self._log = sessions, open_store, log
        self._likely = likely

    def preview(self, urn: str, inputs: Properties, old: Properties) -> Properties:
        """See Resource.preview. Raises already here what `up` would: short memory, a policy; of a
        machine that is yet to be rented too, by the catalogue."""
        if not has_unknown(inputs):
            return self.update(urn, inputs, old)
        if instance_type := self._likely.of(inputs["node"]):
            from freehold.infra.sized import sized_from_catalogue

            self._log.info(urn, sized_from_catalogue(instance_type, inputs, self._open_store()))
        return {**inputs, **dict.fromkeys(TOLD, UNKNOWN)}

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """See Resource.create."""
        return f"{inputs['node']}:layout", self.update(urn, inputs, {})

    def read(self, inputs: Properties, outputs: Properties) -> Found:
        """It is nowhere but in the state; what the box really does is the service's to say."""
        return Found(inputs or outputs, outputs)

    def update(self, urn: str, inputs: Properties, old: Properties) -> Properties:  # noqa: ARG002
        """See Resource.update. Nothing is changed on the box."""
        # Not for an operation that changes no layout: it takes as long as all the rest to import.
        from freehold.infra.sized import sized

        host = self._sessions.of(inputs).host
        text, told = sized(host, inputs, self._open_store())
        self._log.info(urn, text)
        return {**inputs, **told}

    def delete(self, urn: str, outputs: Properties) -> None:
        """See Resource.delete."""
