"""In which zones of a region an instance type is offered."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping

from freehold.rent.aws import Aws, calling

ZonesByType = Mapping[str, tuple[str, ...]]


def zones_by_type(aws: Aws, region: str, types: Collection[str]) -> ZonesByType:
    """Zones in the alphabet's order; a type that is offered nowhere there is left out.

    Local and wavelength zones, which an account must ask for, are none of them. Raises AwsError.
    """
    own = re.compile(rf"{re.escape(region)}[a-z]")
    found: dict[str, set[str]] = defaultdict(set)
    with calling(f"{region} ec2:DescribeInstanceTypeOfferings"):
        pages = aws.client("ec2", region).get_paginator("describe_instance_type_offerings")
        for page in pages.paginate(
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": sorted(types)}],
        ):
            for entry in page["InstanceTypeOfferings"]:
                if own.fullmatch(entry["Location"]):
                    found[entry["InstanceType"]].add(entry["Location"])
    return {instance_type: tuple(sorted(zones)) for instance_type, zones in found.items()}
