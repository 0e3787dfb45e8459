"""The provider's resource types by name, and which inputs make another resource of each.

Nothing else is imported here: the engine starts a second process of the provider for its diffs
alone, which need no more than this.
"""

from __future__ import annotations

API_KEY = "freehold:index:ApiKey"
BOX = "freehold:box:Box"
ENGINE = "freehold:box:Engine"
FILE = "freehold:box:File"
LAYOUT = "freehold:box:Layout"
SERVICE = "freehold:box:Service"
TIMER = "freehold:box:Timer"
WEIGHTS = "freehold:box:Weights"

REPLACED_BY: dict[str, frozenset[str]] = {
    API_KEY: frozenset(),
    BOX: frozenset(),
    ENGINE: frozenset({"digest", "set"}),
    FILE: frozenset({"path"}),
    LAYOUT: frozenset(),
    SERVICE: frozenset({"unit"}),
    TIMER: frozenset({"unit"}),
    WEIGHTS: frozenset({"digest", "set"}),
}
