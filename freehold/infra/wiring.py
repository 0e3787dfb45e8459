"""The resources of one operation over its connections, each made when it is first asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from freehold.apply.fanout import Fanout
from freehold.apply.throttle import Throttle
from freehold.hosts.ssh_config import SshSettings
from freehold.infra.api_key import ApiKey
from freehold.infra.engine_log import EngineLog
from freehold.infra.keeping import Keeping
from freehold.infra.kinds import KINDS
from freehold.infra.layout import LayoutResource
from freehold.infra.lifecycle import BoxResource, Resource
from freehold.infra.likely import LikelyTypes
from freehold.infra.sessions import Sessions
from freehold.infra.type_names import (
    API_KEY,
    AUTHORITY,
    CERTIFICATE,
    DRIVER,
    INSTANCE,
    LAYOUT,
    LEASE,
)
from freehold.rent.aws import Aws
from freehold.spec.transfer import Transfer
from freehold.weights.open import open_store


@dataclass(frozen=True)
class Wiring:
    """The boxes' sessions, and how each resource type is made, by its name."""

    sessions: Sessions
    makers: dict[str, Callable[[], Resource]]
    _made: dict[str, Resource] = field(default_factory=dict)

    def resource(self, type_name: str) -> Resource:
        """The one resource of that type; not to be called by two threads at once."""
        if type_name not in self._made:
            self._made[type_name] = self.makers[type_name]()
        return self._made[type_name]


def wire(settings_json: str, log: EngineLog, instances_in_state: Set[str]) -> Wiring:
    """Of the provider's own configuration (infra/resources.py, Provider); `instances_in_state` is
    the caller's, and grows."""
    settings = json.loads(settings_json)
    config = settings["ssh_config"]
    ssh = SshSettings(Path(config) if config else None, settings["connect_timeout_s"])
    aws = Aws()
    sessions = Sessions(ssh, settings["parallel_nodes"], aws)
    # Opened when a sync needs it: a destroy works after the store's disk was taken away.
    open_own = partial(open_store, settings["store"], ssh)
    transfer = Transfer.model_validate_json(settings["transfer"])
    # Nodes of one stack that are synced at the same time give each other the weights.
    fanout = Fanout() if settings["nodes"] > 1 else None
    owner = Path(settings["owner"]) if settings["owner"] else None
    keeping = Keeping(open_own, log, Throttle(transfer.limits, transfer.connections), fanout, owner)
    likely = LikelyTypes()

    def lease() -> Resource:
        # Not for a stack of owned boxes: nothing of what rents is needed there.
        from freehold.infra.lease import LeaseResource
        from freehold.infra.renting import Renting

        return LeaseResource(Renting(aws, sessions, keeping, likely))

    def instance() -> Resource:
        from freehold.infra.instance import InstanceResource
        from freehold.infra.renting import Renting

        return InstanceResource(Renting(aws, sessions, keeping, likely), instances_in_state)

    def authority() -> Resource:
        # Not for a stack without a door: cryptography takes a while to import.
        from freehold.infra.tls import AuthorityResource

        return AuthorityResource()

    def certificate() -> Resource:
        from freehold.infra.tls import CertificateResource

        return CertificateResource()

    def driver() -> Resource:
        # Not for a stack that leaves the driver to its owner.
        from freehold.infra.driver import DriverResource

        return DriverResource(sessions, log)

    makers: dict[str, Callable[[], Resource]] = {
        kind.type_name: partial(BoxResource, kind, sessions, keeping) for kind in KINDS
    }
    makers |= {
        API_KEY: ApiKey,
        AUTHORITY: authority,
        CERTIFICATE: certificate,
        DRIVER: driver,
        LAYOUT: partial(LayoutResource, sessions, open_own, log, likely),
        LEASE: lease,
        INSTANCE: instance,
    }
    return Wiring(sessions, makers)
