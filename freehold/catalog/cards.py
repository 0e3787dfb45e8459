"""GPUs that are known by name: memory, bandwidth, arithmetic, link and power."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from freehold.catalog.data_file import data_file
from freehold.sizing.hardware import Backend, Device

# GB/s of one lane and one direction, by generation, without the coding. Source: PCI-SIG's base
# specifications: 8, 16, 32 GT/s at 128b/130b, 64 GT/s with 242 of 256 bytes in a flit.
LANE_GB_S: Mapping[int, float] = {1: 0.25, 2: 0.5, 3: 0.985, 4: 1.969, 5: 3.938, 6: 7.563}
_MAKERS_WORDS = r"\b(nvidia|geforce|quadro|tesla|amd|instinct|radeon|rtx|rx|gpu)\b"
_OF_A_BOARD_USABLE = 0.985  # the lowest share among the cards of the catalogue without ECC in it


@dataclass(frozen=True)
class Host:
    """What a card that is a whole machine brings along (GH200)."""

    ram_gb: int
    gb_s: float
    cores: int
    arch: str


@dataclass(frozen=True)
class Card:
    """One model of GPU; the units are in data/cards.yaml."""

    name: str
    memory_mib: int
    usable_mib: int
    gb_s: float
    tflops: float
    watts: float
    cc: str | None = None
    pcie: tuple[int, int] | None = None
    link_gb_s: float | None = None
    purchase_usd: float | None = None
    backend: Backend = Backend.CUDA
    aliases: tuple[str, ...] = ()
    host: Host | None = None
    is_baseboard: bool = False
    is_estimate: bool = False

    @property
    def link_bytes_per_s(self) -> float | None:
        """To the host's memory, one way, as specified; what is reached is about 0.85 of it."""
        if self.link_gb_s is not None:
            return self.link_gb_s * 1e9
        return pcie_bytes_per_s(*self.pcie) if self.pcie else None


def pcie_bytes_per_s(generation: int, lanes: int) -> float | None:
    """One way; None for a generation that is not known here."""
    lane = LANE_GB_S.get(generation)
    return None if lane is None else lane * lanes * 1e9


@cache
def cards() -> Mapping[str, Card]:
    """Every card of the catalogue by its name, in the file's order."""
    return MappingProxyType(
        {
            name: _card(name, **entry)
            for block in data_file("cards.yaml")["blocks"]
            for name, entry in block["cards"].items()
        }
    )


def card_named(name: str) -> Card | None:
    """The card by any of its names, nvidia-smi's among them; None where none is known so."""
    return _by_key().get(_key(name))


def typical_card(memory_gb: float) -> Card:
    """The card that one of which only the size is known is taken for: the nearest in size."""
    typical = data_file("cards.yaml")["typical_by_gb"]
    return cards()[typical[min(typical, key=lambda size: abs(size - memory_gb))]]


def nominal_bytes(memory_gb: float) -> int:
    """What of a card of `memory_gb` (GiB) a program can get, where no more is known of it."""
    return int(memory_gb * _OF_A_BOARD_USABLE * (1 << 30))


def devices_of(chosen: Sequence[tuple[Card, int | None]]) -> tuple[Device, ...]:
    """Devices as the engine counts them, for cards and their memory in bytes (None: the card's)."""
    counted: dict[Backend, int] = {}
    devices = []
    for card, memory_bytes in chosen:
        index = counted[card.backend] = counted.get(card.backend, -1) + 1
        devices.append(
            Device(
                name=f"{card.backend}{index}",
                model=card.name,
                memory_bytes=memory_bytes or card.usable_mib << 20,
                bandwidth_bytes_per_s=card.gb_s * 1e9,
                link_bytes_per_s=card.link_bytes_per_s,
                compute_capability=card.cc,
                backend=card.backend,
                tflops=card.tflops,
            )
        )
    return tuple(devices)


@cache
def _by_key() -> Mapping[str, Card]:
    return {_key(name): card for card in cards().values() for name in (card.name, *card.aliases)}


def _key(name: str) -> str:
    """`name` without what writers differ in: makers, blanks, signs, "GB"."""
    words = re.sub(_MAKERS_WORDS, "", name.lower())
    return re.sub(r"(?<=\d)gb", "", re.sub(r"[^a-z0-9]", "", words))


def _card(
    name: str,
    *,
    pcie: list[int] | None = None,
    aliases: list[str] | None = None,
    host: dict[str, Any] | None = None,
    backend: str = "CUDA",
    **entry: Any,
) -> Card:
    return Card(
        name=name,
        pcie=(pcie[0], pcie[1]) if pcie else None,
        aliases=tuple(aliases or ()),
        host=Host(**host) if host else None,
        backend=Backend(backend),
        **entry,
    )
