"""What is asked of a layout: context, slots, cache, batches, head-room, and what is left open."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

UBATCH_TOKENS = 512  # the engine's default
MIB = 1 << 20
GIB = 1 << 30


class LoadMode(StrEnum):
    """How weights that stay in RAM are held.

    AUTO locks them where the host alone serves and has room, and maps them otherwise.
    """

    AUTO = "auto"
    MAPPED = "mmap"
    LOCKED = "mlock"
    READ = "none"  # read into memory that is the server's own


@dataclass(frozen=True)
class Wishes:
    """None asks for a choice: the largest context, the most slots, the best cache type, the
    largest micro-batch that costs the model no place.

    `context_tokens` is each slot's. `headroom_gpu_bytes` stays free on every device,
    `headroom_ram_bytes` on the host.
    """

    context_tokens: int | None = 8192
    slots: int | None = 1
    cache_type: str | None = None
    batch_tokens: int = 2048
    ubatch_tokens: int | None = 512
    is_kv_unified: bool = False
    has_flash_attention: bool = True
    has_mtp: bool = False
    """Whether the MTP layer drafts tokens (--spec-type draft-mtp)."""
    load_mode: LoadMode = LoadMode.AUTO
    threads: int | None = None
    headroom_gpu_bytes: int = GIB
    headroom_ram_bytes: int = 4 * GIB
    devices: tuple[str, ...] | None = None
    """Of these devices alone; () keeps all on the CPU; None takes every one."""
