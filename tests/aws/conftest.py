"""An empty account, and instances launched in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.aws.asking import HOME, TAG
from tests.aws.world import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    found = World()
    for name, value in found.environment().items():
        monkeypatch.setenv(name, value)
    yield found
    found.close()


@pytest.fixture
def ec2(world: World) -> Any:
    return world.aws().client("ec2", HOME)


@pytest.fixture
def launch(world: World, ec2: Any) -> Callable[..., str]:
    """Launches one instance, and gives its id."""

    def launched(**asked: Any) -> str:
        made = ec2.run_instances(
            **{
                "MinCount": 1,
                "MaxCount": 1,
                "ImageId": world.image(HOME),
                "InstanceType": "p5.48xlarge",
                "InstanceInitiatedShutdownBehavior": "terminate",
                "TagSpecifications": [
                    {"ResourceType": kind, "Tags": TAG}
                    for kind in ("instance", "volume", "network-interface")
                ],
                **asked,
            }
        )
        return str(made["Instances"][0]["InstanceId"])

    return launched
