"""What a stack says of a machine by hand, over what was read or looked up."""

from __future__ import annotations

import dataclasses

from freehold.catalog.cards import card_named, cards, devices_of, typical_card
from freehold.catalog.ram import available_bytes
from freehold.errors import FreeholdError
from freehold.sizing.hardware import Device, Hardware
from freehold.spec.hardware import KnownHardware
from freehold.spec.nearest import nearest


def overridden(
    hardware: Hardware, known: KnownHardware, place: str = "nodes[].hardware"
) -> Hardware:
    """`hardware` with all that `known` says in place of it; no guess is left where it does.

    GiB of a card or of RAM are taken as what a program can get, since a person wrote them. Raises
    FreeholdError, naming `place`, for a card that is not catalogued and comes without its memory,
    and for cards that are counted but neither named nor read.
    """
    changes: dict[str, object] = {}
    settled = []
    if known.gpu is not None or known.gpus is not None or known.gpu_memory_gib is not None:
        changes["devices"] = _devices(hardware, known, place)
        settled.append("GPUs:")
    if known.ram_gib is not None:
        changes["ram_bytes"] = int(known.ram_gib * (1 << 30))
        changes["ram_available_bytes"] = available_bytes(known.ram_gib)
        settled.append("RAM:")
    if known.ram_bandwidth_gb_per_s is not None:
        changes["ram_bandwidth_bytes_per_s"] = known.ram_bandwidth_gb_per_s * 1e9
        settled.append("RAM bandwidth:")
    if known.disk_read_mb_per_s is not None:
        changes["disk_read_bytes_per_s"] = known.disk_read_mb_per_s * 1e6
        settled.append("disk:")
    for field, guess in _AS_THEY_ARE.items():
        value = getattr(known, field)
        if value is not None:
            changes[field] = value
            settled.append(guess)
    guessed = tuple(guess for guess in hardware.guessed if not guess.startswith(tuple(settled)))
    return dataclasses.replace(hardware, guessed=guessed, **changes)  # type: ignore[arg-type]


_AS_THEY_ARE = {
    "cores": "cores:",
    "watts": "power:",
    "usd_per_hour": "price:",
    "purchase_usd": "purchase:",
}


def _devices(hardware: Hardware, known: KnownHardware, place: str) -> tuple[Device, ...]:
    memory_bytes = None if known.gpu_memory_gib is None else int(known.gpu_memory_gib * (1 << 30))
    count = known.gpus or len(hardware.devices) or 1
    if known.gpu is not None:
        card = card_named(known.gpu)
        if card is None and known.gpu_memory_gib is not None:
            card = dataclasses.replace(typical_card(known.gpu_memory_gib), name=known.gpu)
        if card is None:
            near = nearest(known.gpu, cards())
            raise FreeholdError.of(
                f"{place}.gpu",
                f'expected a card of the catalogue, got "{known.gpu}"',
                f"did you mean {near}?" if near else "give gpu_memory_gib too",
            )
        return devices_of([(card, memory_bytes)] * count)
    if hardware.devices:
        return tuple(_nth(hardware.devices, index, memory_bytes) for index in range(count))
    if known.gpu_memory_gib is None:
        raise FreeholdError.of(f"{place}.gpus", "expected gpu too, got cards without a name")
    return devices_of([(typical_card(known.gpu_memory_gib), memory_bytes)] * count)


def _nth(devices: tuple[Device, ...], index: int, memory_bytes: int | None) -> Device:
    """The device that was read, or one like the last where fewer were."""
    if index < len(devices):
        device = devices[index]
    else:
        name = f"{devices[-1].backend}{index}"
        device = dataclasses.replace(devices[-1], name=name, buffer_type=name, free_bytes=None)
    if memory_bytes is None:
        return device
    return dataclasses.replace(device, memory_bytes=memory_bytes, free_bytes=None)
