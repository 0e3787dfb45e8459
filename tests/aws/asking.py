"""What tests of the world ask it: in which region, under which tag, and why it refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

HOME = "us-east-1"
TOKEN = "0123456789abcdef"
TAG = [{"Key": "freehold:lease", "Value": TOKEN}]
BY_TAG = [{"Name": "tag:freehold:lease", "Values": [TOKEN]}]


def refusal(work: Callable[[], object]) -> str:
    """The code that AWS refuses with."""
    with pytest.raises(ClientError) as caught:
        work()
    return str(caught.value.response["Error"]["Code"])


def state(ec2: Any, instance_id: str) -> str:
    found = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    return str(found["State"]["Name"])
