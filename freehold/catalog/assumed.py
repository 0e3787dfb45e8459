"""What is assumed of a machine where nobody said: RAM, cores, disk, power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from freehold.catalog.cards import Card

NVME_BYTES_PER_S = 3e9  # one NVMe of PCIe 3, or a filled one of PCIe 4
_HGX_CARDS = 8
_DESKTOP_MAX_GIB = 256  # four slots of 64 GB


@dataclass(frozen=True)
class Usual:
    """A machine of its kind. `kind` says it in words."""

    kind: str
    cores: int
    sockets: int
    channels: int
    mt_s: int


_BASEBOARD = Usual("a machine with eight GPUs on a baseboard", 96, 2, 16, 4800)
_SERVER = Usual("a one-socket server", 32, 1, 8, 3200)
_DESKTOP = Usual("a desktop", 16, 1, 2, 5600)


def usual_machine(cards: Sequence[Card], ram_gib: float) -> Usual:
    """The kind of machine that has those cards and that much RAM. A judgement."""
    if len(cards) >= _HGX_CARDS and all(card.is_baseboard for card in cards):
        return _BASEBOARD
    return _DESKTOP if ram_gib <= _DESKTOP_MAX_GIB else _SERVER


def usual_ram_gib(cards: Sequence[Card]) -> int:
    """Twice what the cards hold, as a power of two; 64 without cards. A judgement."""
    held = sum(card.memory_mib for card in cards) / 1024
    size = 64
    while size < 2 * held:
        size *= 2
    return size


def drawn_watts(gpu_limits_watts: Sequence[float], cores: int) -> float:
    """While one stream is answered: GPUs compute one after the other, so one is at its limit and
    the others wait at a quarter of theirs; the host draws 60 W and 6 W a core. A judgement."""
    limits = sorted(gpu_limits_watts, reverse=True)
    return sum(limits[:1]) + sum(limits[1:]) / 4 + 60 + 6 * cores
