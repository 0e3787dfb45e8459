"""How many vCPUs of a family an account may run at once in a region, and how many it runs now."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from freehold.rent.aws import Aws, AwsError, calling
from freehold.rent.lease import Market

_STANDARD = frozenset("acdhimrtz")
_UNKNOWN_TYPE = frozenset({"NoSuchResourceException"})


@dataclass(frozen=True)
class QuotaKind:
    """One quota of service "ec2" by its code, and as AWS names it."""

    code: str
    name: str

    def raised_by(self, region: str, vcpus: int) -> str:
        """The command that asks for more, and the page that does."""
        return (
            f"aws service-quotas request-service-quota-increase --service-code ec2 "
            f"--quota-code {self.code} --desired-value {vcpus} --region {region}, or "
            f"https://{region}.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/"
            f"{self.code}"
        )


@dataclass(frozen=True)
class Quota:
    """vCPUs: what may run at once, and what runs (None where AWS did not say)."""

    kind: QuotaKind
    vcpus: float
    used_vcpus: int | None

    def allows(self, vcpus: int) -> bool:
        """Whether so many more may be started."""
        return vcpus + (self.used_vcpus or 0) <= self.vcpus

    def __str__(self) -> str:
        used = "" if not self.used_vcpus else f", {self.used_vcpus} of them in use"
        return f"{self.vcpus:.0f} vCPUs{used}"


# Source: AWS's lists "On-Demand Instance quotas" and "Spot Instance quotas" and the codes of its
# Service Quotas console. Spot has a quota for P5 alone; which one counts P6 they do not say.
_ON_DEMAND = {
    "p": QuotaKind("L-417A185B", "Running On-Demand P instances"),
    "g": QuotaKind("L-DB2E81BA", "Running On-Demand G and VT instances"),
    "standard": QuotaKind("L-1216C47A", "Running On-Demand Standard instances"),
}
_SPOT = {
    "p2": QuotaKind("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests"),
    "p5": QuotaKind("L-C4BD4855", "All P5 Spot Instance Requests"),
    "g": QuotaKind("L-3819A6DF", "All G and VT Spot Instance Requests"),
    "standard": QuotaKind("L-34B43A08", "All Standard Spot Instance Requests"),
}


def quota_kind(instance_type: str, market: Market) -> QuotaKind | None:
    """What counts the type; None where that is not known, or a block's capacity is its own."""
    family = re.match(r"([a-z]+)([0-9]+)", instance_type)
    if family is None or market is Market.BLOCK:
        return None
    letters, generation = family[1], int(family[2])
    key = "g" if letters in ("g", "gr", "vt") else letters
    if letters[0] in _STANDARD and letters not in ("dl", "hpc", "mac", "inf", "trn"):
        key = "standard"
    if market is Market.ON_DEMAND:
        return _ON_DEMAND.get(key)
    if key == "p":
        key = "p2" if generation <= 4 else f"p{generation}"
    return _SPOT.get(key)


def quota_vcpus(aws: Aws, region: str, kind: QuotaKind) -> float:
    """The account's own value, else AWS's default (Service Quotas). Raises AwsError."""
    where = {"ServiceCode": "ec2", "QuotaCode": kind.code}
    client = aws.client("service-quotas", region)
    try:
        with calling(f"{region} service-quotas:GetServiceQuota {kind.code}"):
            return float(client.get_service_quota(**where)["Quota"]["Value"])
    except AwsError as error:
        if error.code not in _UNKNOWN_TYPE:
            raise
    with calling(f"{region} service-quotas:GetAWSDefaultServiceQuota {kind.code}"):
        return float(client.get_aws_default_service_quota(**where)["Quota"]["Value"])


def used_vcpus(aws: Aws, region: str) -> Mapping[str, int]:
    """vCPUs of the account's instances that start or run there, by the code of the quota that
    counts them (DescribeInstances). Raises AwsError."""
    used: Counter[str] = Counter()
    states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    with calling(f"{region} ec2:DescribeInstances"):
        pages = aws.client("ec2", region).get_paginator("describe_instances")
        for page in pages.paginate(Filters=states):
            for group in page["Reservations"]:
                for instance in group["Instances"]:
                    market = _MARKETS.get(instance.get("InstanceLifecycle", ""), Market.ON_DEMAND)
                    kind = quota_kind(instance["InstanceType"], market)
                    cpu = instance.get("CpuOptions", {})
                    if kind:
                        used[kind.code] += cpu.get("CoreCount", 0) * cpu.get("ThreadsPerCore", 1)
    return used


_MARKETS = {"spot": Market.SPOT, "capacity-block": Market.BLOCK}


def kinds_of(types: Collection[str], markets: Collection[Market]) -> set[QuotaKind]:
    """All that count one of the types, bought in one of these ways."""
    found = {quota_kind(each, market) for each in types for market in markets}
    return {kind for kind in found if kind is not None}
