"""The resources of one operation over its connections, made when the first is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
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
from freehold.infra.sessions import Sessions
from freehold.infra.type_names import API_KEY, LAYOUT
from freehold.spec.transfer import Transfer
from freehold.weights.open import open_store


@dataclass(frozen=True)
class Wiring:
    """The boxes' sessions, and each resource type by its name."""

    sessions: Sessions
    resources: dict[str, Resource]


def wire(settings_json: str, log: EngineLog) -> Wiring:
    """Of the provider's own configuration (infra/resources.py, Provider)."""
    settings = json.loads(settings_json)
    config = settings["ssh_config"]
    ssh = SshSettings(Path(config) if config else None, settings["connect_timeout_s"])
    sessions = Sessions(ssh, settings["parallel_nodes"])
    # Opened when a sync needs it: a destroy works after the store's disk was taken away.
    open_own = partial(open_store, settings["store"], ssh)
    transfer = Transfer.model_validate_json(settings["transfer"])
    # Nodes of one stack that are synced at the same time give each other the weights.
    fanout = Fanout() if settings["nodes"] > 1 else None
    owner = Path(settings["owner"]) if settings["owner"] else None
    keeping = Keeping(open_own, log, Throttle(transfer.limits, transfer.connections), fanout, owner)
    resources: dict[str, Resource] = {
        kind.type_name: BoxResource(kind, sessions, keeping) for kind in KINDS
    }
    resources |= {API_KEY: ApiKey(), LAYOUT: LayoutResource(sessions, open_own, log)}
    return Wiring(sessions, resources)
