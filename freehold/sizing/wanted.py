"""The stack's keys as wishes."""

from __future__ import annotations

from freehold.sizing.wishes import GIB, LoadMode, Wishes
from freehold.spec.server import Server


def wishes_of(server: Server) -> Wishes:
    """What a node's `server` asks of its layout; `max` and `auto` leave the choice open."""
    return Wishes(
        context_tokens=None if server.context_tokens == "max" else server.context_tokens,
        slots=None if server.slots == "max" else server.slots,
        cache_type=None if server.cache_type == "auto" else server.cache_type,
        batch_tokens=server.batch_tokens,
        ubatch_tokens=None if server.ubatch_tokens == "auto" else server.ubatch_tokens,
        has_mtp=server.mtp,
        load_mode=LoadMode(server.load_mode),
        threads=server.threads,
        headroom_gpu_bytes=int(server.headroom_gpu_gib * GIB),
        headroom_ram_bytes=int(server.headroom_ram_gib * GIB),
        devices=server.devices,
    )
