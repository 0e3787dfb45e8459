"""The resources of one operation over its connections, made when the first is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from freehold.hosts.ssh_config import SshSettings
from freehold.infra.api_key import ApiKey
from freehold.infra.engine_log import EngineLog
from freehold.infra.kinds import KINDS
from freehold.infra.layout import LayoutResource
from freehold.infra.lifecycle import BoxResource, Resource
from freehold.infra.sessions import Sessions
from freehold.infra.type_names import API_KEY, LAYOUT
from freehold.weights.store import FolderStore


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
    store = Path(settings["store"])
    open_store = partial(FolderStore, store)
    resources: dict[str, Resource] = {
        kind.type_name: BoxResource(kind, sessions, open_store, log) for kind in KINDS
    }
    resources |= {API_KEY: ApiKey(), LAYOUT: LayoutResource(sessions, store, log)}
    return Wiring(sessions, resources)
