"""How the provider brings sets to boxes, and what it writes into the ledger of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from freehold.apply.fanout import Fanout
from freehold.apply.heard import Heard
from freehold.apply.sync import Moved
from freehold.apply.syncing import Syncing
from freehold.apply.throttle import Throttle
from freehold.apply.wipe import WipeRecord
from freehold.hosts.host import Host
from freehold.infra.engine_log import EngineLog, SyncProgress
from freehold.infra.values import Properties
from freehold.plan.steps import SyncFileSet
from freehold.weights.manifest import Manifest
from freehold.weights.store import Store

if TYPE_CHECKING:
    from freehold.custody.keeper import Keeper


@dataclass(frozen=True)
class Keeping:
    """What all boxes of an operation share: the store, the log, the pace, the fan-out; `owner` is
    the public key of who signs the ledger."""

    open_store: Callable[[], Store]
    log: EngineLog
    throttle: Throttle
    fanout: Fanout | None
    owner: Path | None

    def syncing(self, urn: str, instance: str | None) -> Syncing:
        """For the set that is the resource `urn`, on a box or on that rented instance."""
        rented = {"instance": instance} if instance else {}

        def listen(step: SyncFileSet) -> Heard:
            say, keep = partial(self.log.status, urn), partial(self.log.info, urn)
            return SyncProgress(step.manifest.size_bytes, say, keep)

        def arrived(host: Host, manifest: Manifest, moved: Moved) -> None:
            self._keeper(urn).arrived(
                host,
                manifest,
                way=moved.way,
                bytes=moved.size_bytes,
                seconds=round(moved.seconds),
                **rented,
            )

        return Syncing(listen, self.throttle, self.fanout, arrived)

    def wiped(self, urn: str, host: Host, record: WipeRecord) -> None:
        """A set of weights is gone from `host`."""
        self.log.info(urn, record.claims)
        self._keeper(urn).gone(host, record.folder, **record.details)

    def ended(self, urn: str, instance: str, claims: str) -> None:
        """That rented instance is terminated, and with it what was left on it; `claims` says what
        destroyed the bytes."""
        self._keeper(urn).ended(instance, claims)

    def served(self, urn: str, host: Host, serves: Properties) -> None:
        """A server on `host` has answered from the set that `serves` names."""
        self._keeper(urn).served(host, serves["weights"], serves["digest"], serves["engine"])

    def _keeper(self, urn: str) -> Keeper:
        # Only now: an operation that changes nothing does not wait for it.
        from freehold.custody.keeper import Keeper

        return Keeper(self.open_store, self.owner, partial(self.log.info, urn))
