"""Is every byte on a box what its manifest says: the disk itself is read, piece by piece."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import groupby

from freehold.apply.agent import talk_with_agent
from freehold.errors import Problem
from freehold.hosts.host import Host, HostError
from freehold.weights.manifest import Manifest

RANGES_SHOWN_MAX = 5


class DamagedError(HostError):
    """Bytes on a node are not what they were; the node has noted which, and serves them no more."""


def verify_on_node(
    host: Host, manifest: Manifest, on_bytes: Callable[[int], None] = lambda _size_bytes: None
) -> None:
    """Have the node read the whole set on all its cores; `on_bytes` hears of it.

    Raises DamagedError naming every file with the places that are bad, HostError where the set is
    not there. The next sync fetches those pieces alone.
    """
    about = f"verifying {manifest.name}"
    with talk_with_agent(host, "verify", manifest.node_folder, description=about) as talk:
        while "bad" not in (said := json.loads(talk.line())):
            on_bytes(said["read"])
    problems = [
        Problem(
            host.name,
            f"{manifest.node_folder}/{path}\n{_told([(start, size) for _, start, size in ranges])}",
            f"fab -H {host.name} weights.sync fetches them again, and nothing else",
        )
        for path, ranges in groupby(said["bad"], key=lambda each: each[0])
    ]
    if problems:
        raise DamagedError(problems)


def _told(ranges: list[tuple[int, int]]) -> str:
    shown = ", ".join(f"{start} to {start + size}" for start, size in ranges[:RANGES_SHOWN_MAX])
    more = f" and {len(ranges) - RANGES_SHOWN_MAX} more" if len(ranges) > RANGES_SHOWN_MAX else ""
    return f"expected what arrived, found other bytes at {shown}{more}"
