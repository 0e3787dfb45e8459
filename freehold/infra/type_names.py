"""The provider's resource types by name, and which inputs make another resource of each.

Nothing else is imported here: the engine starts a second process of the provider for its diffs
alone, which need no more than this.
"""

from __future__ import annotations

API_KEY = "freehold:index:ApiKey"
LEASE = "freehold:index:Lease"
INSTANCE = "freehold:index:Instance"
AUTHORITY = "freehold:index:Authority"
CERTIFICATE = "freehold:index:Certificate"
BOX = "freehold:box:Box"
DOOR = "freehold:box:Door"
DRIVER = "freehold:box:Driver"
ENGINE = "freehold:box:Engine"
FILE = "freehold:box:File"
LAYOUT = "freehold:box:Layout"
PACKAGE = "freehold:box:Package"
SERVICE = "freehold:box:Service"
TIMER = "freehold:box:Timer"
TUNING = "freehold:box:Tuning"
WEIGHTS = "freehold:box:Weights"

_ANOTHER_BOX = "rented.instance_id"

REPLACED_BY: dict[str, frozenset[str]] = {
    API_KEY: frozenset(),
    AUTHORITY: frozenset({"stack"}),
    CERTIFICATE: frozenset(),
    BOX: frozenset({_ANOTHER_BOX}),
    DOOR: frozenset({"unit", _ANOTHER_BOX}),
    DRIVER: frozenset({_ANOTHER_BOX}),
    ENGINE: frozenset({"digest", "set", _ANOTHER_BOX}),
    FILE: frozenset({"path", _ANOTHER_BOX}),
    LAYOUT: frozenset(),
    LEASE: frozenset({"state"}),
    PACKAGE: frozenset({"package", _ANOTHER_BOX}),
    SERVICE: frozenset({"unit", _ANOTHER_BOX}),
    TIMER: frozenset({"unit", _ANOTHER_BOX}),
    TUNING: frozenset({_ANOTHER_BOX}),
    WEIGHTS: frozenset({"digest", "set", _ANOTHER_BOX}),
}
"""Property paths. An Instance's follow from what it is: infra/instance_diff.py."""
