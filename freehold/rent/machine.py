"""An instance type as a machine: of the catalogue, else as AWS describes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from freehold.catalog.cards import Card, card_named, devices_of
from freehold.catalog.instances import Instance, instance_hardware
from freehold.catalog.ram import available_bytes
from freehold.rent.aws import Aws, calling
from freehold.sizing.hardware import Hardware

CATALOGUED_IN, CATALOGUED_AT = "us-east-1", "mid-2026"

_TYPES_A_CALL = 100  # source: DescribeInstanceTypes, "Constraints: Maximum 100 instance types"
_NAMES = {"RTX PRO Server 6000": "RTX PRO 6000 Server"}  # AWS's word: the catalogue's
_SAME_CARD = 0.12  # AWS counts a card's memory with or without what ECC and the driver keep


@dataclass(frozen=True)
class Machine:
    """`hardware` is None where it cannot be sized, and `unsized` says why.

    `local_disk_bytes` is the instance store's, 0 where there is none. `usd_per_hour` is the
    catalogue's (on demand in us-east-1, mid-2026), None for a type that it lacks.
    """

    instance_type: str
    gpus: str
    vcpus: int
    local_disk_bytes: float
    hardware: Hardware | None
    usd_per_hour: float | None = None
    unsized: str = ""


def machine_of(instance: Instance) -> Machine:
    """A type of the catalogue; its cores are half its vCPUs."""
    return Machine(
        instance.name,
        f"{instance.count}x {instance.gpus}" if instance.gpus else "no GPU",
        2 * instance.cores,
        instance.nvme_tb * 1e12,
        instance_hardware(instance),
        instance.usd_h,
    )


def described(aws: Aws, region: str, types: Iterable[str]) -> dict[str, Machine]:
    """Those of the types that exist in the region (DescribeInstanceTypes). Raises AwsError."""
    asked_for = sorted(set(types))
    found: dict[str, Machine] = {}
    with calling(f"{region} ec2:DescribeInstanceTypes"):
        pages = aws.client("ec2", region).get_paginator("describe_instance_types")
        for start in range(0, len(asked_for), _TYPES_A_CALL):
            some = asked_for[start : start + _TYPES_A_CALL]
            # As a filter: a name in InstanceTypes that is none of the region's fails them all.
            for page in pages.paginate(Filters=[{"Name": "instance-type", "Values": some}]):
                for entry in page["InstanceTypes"]:
                    found[entry["InstanceType"]] = machine_described(entry)
    return found


def machine_described(entry: Mapping[str, Any]) -> Machine:
    """Of one InstanceTypeInfo; what AWS does not say of it is left to sizing's assumptions."""
    gpus = (entry.get("GpuInfo") or {}).get("Gpus") or []
    cores = entry["VCpuInfo"]["DefaultCores"]
    ram_mib = entry["MemoryInfo"]["SizeInMiB"]
    disk_gb = (entry.get("InstanceStorageInfo") or {}).get("TotalSizeInGB", 0)
    chosen: list[tuple[Card, int | None]] = []
    unsized = ""
    for gpu in gpus:
        memory_mib = gpu["MemoryInfo"]["SizeInMiB"]
        card = _card(gpu["Name"], memory_mib)
        if card is None:
            unsized = f"its card {gpu['Name']} of {memory_mib} MiB is not catalogued"
        else:
            chosen += [(card, None)] * gpu["Count"]
    arches = entry.get("ProcessorInfo", {}).get("SupportedArchitectures", ["x86_64"])
    hardware = Hardware(
        name=entry["InstanceType"],
        devices=devices_of(chosen),
        ram_bytes=ram_mib << 20,
        ram_available_bytes=available_bytes(ram_mib / 1024),
        cores=cores,
        arch="x86_64" if "x86_64" in arches else arches[0],
        guessed=("as AWS describes it: not of the catalogue",),
    )
    return Machine(
        entry["InstanceType"],
        " + ".join(f"{gpu['Count']}x {gpu['Name']}" for gpu in gpus) or "no GPU",
        entry["VCpuInfo"]["DefaultVCpus"],
        disk_gb * 1e9,
        None if unsized else hardware,
        None,
        unsized,
    )


def _card(name: str, memory_mib: int) -> Card | None:
    """AWS's A100 is that of 40 or 80 GB: the memory says which."""
    name = _NAMES.get(name, name)
    for each in (name, f"{name} {round(memory_mib / 1024)} GB"):
        card = card_named(each)
        if card and abs(card.memory_mib - memory_mib) <= _SAME_CARD * memory_mib:
            return card
    return None
