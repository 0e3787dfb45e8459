"""AWS instance types as machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from freehold.catalog.cards import cards, devices_of
from freehold.catalog.data_file import data_file
from freehold.catalog.ram import available_bytes, by_processor
from freehold.sizing.hardware import Hardware


@dataclass(frozen=True)
class Instance:
    """One type; the units are in data/aws.yaml. `gpus` names a card; None for none."""

    name: str
    gpus: str | None
    count: int
    ram_gib: int
    cores: int
    sockets: int
    cpu: str
    nvme_tb: float
    disk_read_mb_s: float
    usd_h: float
    fits: str
    ram_share: float = 1.0


@cache
def instances() -> Mapping[str, Instance]:
    """Every catalogued type by its name."""
    entries = data_file("aws.yaml")["instances"]
    return MappingProxyType({name: Instance(name, **entry) for name, entry in entries.items()})


def too_small() -> tuple[str, ...]:
    """Types that are known, and hold no large model."""
    return tuple(data_file("aws.yaml")["too_small"])


def instance_hardware(instance: Instance) -> Hardware:
    """The machine that is rented; its RAM's bandwidth is that of its processors' generation."""
    ram = by_processor(instance.cpu, instance.sockets)
    card = cards()[instance.gpus] if instance.gpus else None
    part = "" if instance.ram_share == 1 else f", of which {instance.ram_share:.0%}"
    return Hardware(
        name=instance.name,
        devices=devices_of([(card, None)] * instance.count) if card else (),
        ram_bytes=instance.ram_gib << 30,
        ram_available_bytes=available_bytes(instance.ram_gib),
        ram_bandwidth_bytes_per_s=ram.bytes_per_s * instance.ram_share if ram else None,
        cores=instance.cores,
        sockets=instance.sockets,
        numa_nodes=instance.sockets,
        disk_read_bytes_per_s=instance.disk_read_mb_s * 1e6,
        usd_per_hour=instance.usd_h,
        guessed=(
            f"RAM bandwidth: {ram.how if ram else 'unknown'}{part}",
            f"disk: {instance.disk_read_mb_s:.0f} MB/s, all local NVMe together",
            f"price: {instance.usd_h} USD an hour on demand in us-east-1, mid-2026",
        ),
    )
