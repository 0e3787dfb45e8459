"""How sets are brought to nodes: by which leg, how fast, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from freehold.apply.fanout import Fanout
from freehold.apply.heard import Heard, Unheard
from freehold.apply.pull import pull_or_push
from freehold.apply.push import push
from freehold.apply.sync import Leg, Moved, sync
from freehold.apply.throttle import Throttle
from freehold.hosts.host import Host
from freehold.plan.steps import SyncFileSet
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.store import Store


def _unrecorded(_host: Host, _manifest: Manifest, _moved: Moved) -> None:
    """The arrival that nobody writes down."""


@dataclass(frozen=True)
class Syncing:
    """`listen` gives who hears of a step. With a `fanout` its nodes give each other weights.
    `on_arrival` hears of each set that is whole on a node."""

    listen: Callable[[SyncFileSet], Heard] = lambda _step: Unheard()
    throttle: Throttle = field(default_factory=Throttle)
    fanout: Fanout | None = None
    on_arrival: Callable[[Host, Manifest, Moved], None] = _unrecorded

    def bring(self, host: Host, step: SyncFileSet, store: Store) -> None:
        """The set of `step` to `host`. Raises as `sync` does."""
        manifest = step.manifest
        leg = self._leg(store, manifest)
        moved = sync(host, manifest, store, self.listen(step), self.throttle, leg)
        self.on_arrival(host, manifest, moved)

    def _leg(self, store: Store, manifest: Manifest) -> Leg:
        if store.url(manifest.files[0], 60) is not None:
            return pull_or_push
        if self.fanout is not None and manifest.kind is Kind.WEIGHTS:
            return self.fanout.leg(store)
        return push
