"""Which changes of a rented instance's inputs call for another instance.

Nothing else is imported here: the engine starts a second process of the provider for its diffs
alone, which need no more than this.
"""

from __future__ import annotations

from freehold.infra.values import Properties, join_path

_ALWAYS = {"lease", "image", "root_gib", "user", "public_key", "profile"}
_OF_ITS_REGION = ("keys", "groups")
_ALLOWED = {
    "regions": "region",
    "zones": "zone",
    "types": "instance_type",
    "markets": "market",
}
"""A list of the stack's, and the output that must be in it; an empty list allows all."""


def instance_replaced_by(outputs: Properties, news: Properties) -> frozenset[str]:
    """The property paths that call for another instance than the one of `outputs`.

    What it was made with stays, where the stack allows what it is: another order of types, a
    region more, or another template of user data touch no instance that runs.
    """
    region = outputs.get("region")
    paths = set(_ALWAYS)
    if region:
        paths |= {join_path(name, region) for name in _OF_ITS_REGION}
    for name, output in _ALLOWED.items():
        allowed = news["allowed"].get(name)
        if allowed and outputs.get(output) not in allowed:
            paths.add(f"allowed.{name}")
    return frozenset(paths)
