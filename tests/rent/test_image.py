"""An image by its id or by the parameter that names it, with the disks that it brings."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.rent.aws import AwsError
from freehold.rent.image import Image, find_image
from freehold.rent.run_instances import Wanted, parameters
from freehold.rent.tries import Try
from freehold.spec.rented import IMAGE
from tests.aws.answer import Refusal
from tests.aws.call import Call
from tests.aws.world import World
from tests.rent.stage import offer


def test_a_parameter_names_another_image_in_each_region(world: World) -> None:
    east, west = (find_image(world.aws(), region, IMAGE).id for region in world.regions[:2])
    assert (east, west) == (world.image("us-east-1"), world.image("us-west-2"))
    assert east != west


def test_an_image_by_its_id_is_that_image(world: World) -> None:
    image = world.image("us-east-1")
    assert find_image(world.aws(), "us-east-1", image).id == image
    assert [call.action for call in world.calls] == ["DescribeImages"]


def test_an_image_of_another_region_is_said_to_be_none_of_this(world: World) -> None:
    with pytest.raises(AwsError, match="an ami- belongs to one region"):
        find_image(world.aws(), "us-west-2", world.image("us-east-1"))


def test_a_parameter_that_there_is_not_is_named(world: World) -> None:
    def refuse(_: Call) -> dict[str, Any]:
        raise Refusal("ParameterNotFound", "")

    world.handle("ssm", "GetParameter", refuse)
    with pytest.raises(AwsError, match="us-east-1: /no/such"):
        find_image(world.aws(), "us-east-1", "/no/such")


def test_a_parameter_that_names_no_image_is_refused(world: World) -> None:
    world.handle("ssm", "GetParameter", lambda _: {"Parameter": {"Value": "secret password"}})
    with pytest.raises(AwsError, match="expected it to name an image"):
        find_image(world.aws(), "us-east-1", "/my/parameter")


def test_every_disk_that_an_image_brings_goes_with_the_instance(world: World) -> None:
    """An image may say otherwise of its further disks, and they would bill when it is gone."""
    world.handle(
        "ec2",
        "DescribeImages",
        lambda _: {
            "Images": [
                {
                    "ImageId": "ami-0123456789abcdef0",
                    "RootDeviceName": "/dev/sda1",
                    "BlockDeviceMappings": [
                        {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 65}},
                        {
                            "DeviceName": "/dev/sdf",
                            "Ebs": {"VolumeSize": 500, "DeleteOnTermination": False},
                        },
                        {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
                    ],
                }
            ]
        },
    )
    image = find_image(world.aws(), "us-east-1", "ami-0123456789abcdef0")
    assert image.root_gib_min == 65
    disks = parameters(wanted(), {}, Try("x", offer()), image)["BlockDeviceMappings"]
    assert [disk["DeviceName"] for disk in disks] == ["/dev/sda1", "/dev/sdf"]
    assert all(disk["Ebs"]["DeleteOnTermination"] for disk in disks)
    assert all(disk["Ebs"]["Encrypted"] for disk in disks)
    assert disks[0]["Ebs"]["VolumeSize"] == 100


def test_a_root_disk_that_does_not_hold_the_image_is_refused_before_any_call() -> None:
    image = Image("ami-1", "/dev/sda1", (("/dev/sda1", 120),))
    with pytest.raises(AwsError, match=r"root_gib: expected at least 120.*got 100"):
        parameters(wanted(), {}, Try("x", offer()), image)


def wanted() -> Wanted:
    region = {"us-east-1": "x"}
    return Wanted("rented", region, region, "x", region, "", 100, "ami-1")
