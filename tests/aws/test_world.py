"""The world itself: what its own rules add to moto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from freehold.spec.rented import IMAGE
from tests.aws.answer import Refusal
from tests.aws.asking import BY_TAG, HOME, refusal, state
from tests.aws.call import Call
from tests.aws.host_key import host_key
from tests.aws.world import World


def test_one_token_makes_one_instance(world: World, launch: Callable[..., str]) -> None:
    first = launch(ClientToken="once")
    assert launch(ClientToken="once") == first
    assert [machine.id for machine in world.machines()] == [first]


def test_a_token_is_good_for_one_request_only(launch: Callable[..., str]) -> None:
    launch(ClientToken="once")
    other = lambda: launch(ClientToken="once", InstanceType="p4d.24xlarge")  # noqa: E731
    assert refusal(other) == "IdempotentParameterMismatch"


def test_the_token_of_an_ended_instance_makes_no_other(
    ec2: Any, launch: Callable[..., str]
) -> None:
    ec2.terminate_instances(InstanceIds=[launch(ClientToken="once")])
    assert refusal(lambda: launch(ClientToken="once")) == "IdempotentInstanceTerminated"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"InstanceType": "p9.huge"}, "InvalidParameterValue"),
        (
            {"InstanceType": "p6-b200.48xlarge", "Placement": {"AvailabilityZone": "us-east-1a"}},
            "Unsupported",
        ),
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"KeyName": "nobody's"}, "InvalidKeyPair.NotFound"),
        ({"IamInstanceProfile": {"Name": "nobody's"}}, "InvalidParameterValue"),
        ({"UserData": "x" * 16_385}, "InvalidParameterValue"),
        ({"ClientToken": "x" * 65}, "InvalidParameterValue"),
    ],
)
def test_what_aws_does_not_have_is_refused(
    world: World, launch: Callable[..., str], asked: dict[str, Any], code: str
) -> None:
    assert refusal(lambda: launch(**asked)) == code
    assert not world.machines()


def test_an_instance_is_pending_then_runs_and_ends_by_steps(
    ec2: Any, world: World, launch: Callable[..., str]
) -> None:
    world.calls_until_running, world.calls_until_terminated = 2, 2
    instance_id = launch()
    assert [state(ec2, instance_id) for _ in range(2)] == ["pending", "running"]
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert [state(ec2, instance_id) for _ in range(2)] == ["shutting-down", "terminated"]
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert not world.left()


def test_an_instance_was_launched_when_the_worlds_clock_says(
    ec2: Any, world: World, launch: Callable[..., str]
) -> None:
    at = world.clock.advance(hours=-3)
    launched: list[Any] = []
    ec2.meta.events.register(
        "after-call.ec2.RunInstances",
        lambda parsed, **_: launched.append(parsed["Instances"][0]["LaunchTime"]),
    )
    instance_id = launch()
    found = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    assert [found["LaunchTime"], *launched] == [at, at]


def test_a_new_instance_may_not_be_described_yet(
    ec2: Any, world: World, launch: Callable[..., str]
) -> None:
    world.calls_until_described = 2
    instance_id = launch()
    assert refusal(lambda: state(ec2, instance_id)) == "InvalidInstanceID.NotFound"
    assert not ec2.describe_instances(Filters=BY_TAG)["Reservations"]
    assert len(ec2.describe_instances(Filters=BY_TAG)["Reservations"]) == 1


def test_a_group_in_use_is_not_deleted(ec2: Any, world: World, launch: Callable[..., str]) -> None:
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    instance_id = launch(SecurityGroupIds=[group])
    delete = lambda: ec2.delete_security_group(GroupId=group)  # noqa: E731
    assert refusal(delete) == "DependencyViolation"
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert refusal(delete) == "DependencyViolation"
    assert state(ec2, instance_id) == "terminated"
    delete()
    assert not world.left()


def test_disks_and_interfaces_bear_their_tags(ec2: Any, launch: Callable[..., str]) -> None:
    launch()
    assert len(ec2.describe_network_interfaces(Filters=BY_TAG)["NetworkInterfaces"]) == 1
    assert len(ec2.describe_volumes(Filters=BY_TAG)["Volumes"]) == 1


def test_an_instance_that_powers_off_ends_or_stops_as_it_was_launched(
    world: World, launch: Callable[..., str]
) -> None:
    ending, stopping = launch(), launch(InstanceInitiatedShutdownBehavior="stop")
    world.clock.advance(hours=1)
    for instance_id in (ending, stopping):
        world.instance_powered_off(instance_id)
    found = {machine.id: machine for machine in world.machines()}
    assert not found[ending].bills
    assert found[ending].ended_at == world.clock()
    assert found[stopping].state == "stopped"


def test_the_console_shows_the_host_key_when_it_is_ready(
    ec2: Any, world: World, launch: Callable[..., str]
) -> None:
    world.calls_until_console = 1
    instance_id = launch()
    ask = lambda: ec2.get_console_output(InstanceId=instance_id, Latest=True).get("Output")  # noqa: E731
    assert ask() is None
    assert host_key(instance_id) in ask()
    world.set_console(instance_id, "nothing of use\n")
    assert ask() == "nothing of use\n"


def test_regions_that_are_off_are_told_of_and_refuse(world: World, ec2: Any) -> None:
    found = ec2.describe_regions(AllRegions=True)["Regions"]
    status = {region["RegionName"]: region["OptInStatus"] for region in found}
    assert status["ap-east-1"] == "not-opted-in"
    assert status[HOME] == "opt-in-not-required"
    assert len(ec2.describe_regions()["Regions"]) == len(world.regions)
    off = world.aws().client("ec2", "ap-east-1")
    assert refusal(off.describe_instances) == "AuthFailure"


def test_the_image_is_named_by_its_parameter(world: World, ec2: Any) -> None:
    found = world.aws().client("ssm", HOME).get_parameter(Name=IMAGE)["Parameter"]["Value"]
    assert ec2.describe_images(ImageIds=[found])["Images"][0]["RootDeviceName"] == "/dev/sda1"


def test_what_moto_lacks_a_test_answers(world: World) -> None:
    def quota(call: Call) -> dict[str, Any]:
        if call.parameters["QuotaCode"] != "L-417A185B":
            raise Refusal("NoSuchResourceException", "no such quota")
        return {"Quota": {"QuotaCode": "L-417A185B", "Value": 192.0}}

    world.handle("servicequotas", "GetServiceQuota", quota)
    client = world.aws().client("service-quotas", HOME)
    found = client.get_service_quota(ServiceCode="ec2", QuotaCode="L-417A185B")
    assert found["Quota"]["Value"] == 192.0
    other = lambda: client.get_service_quota(ServiceCode="ec2", QuotaCode="L-0")  # noqa: E731
    assert refusal(other) == "NoSuchResourceException"


def test_two_worlds_know_nothing_of_each_other(
    world: World, ec2: Any, launch: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    launch()
    other = World()
    for name, value in other.environment().items():
        monkeypatch.setenv(name, value)
    assert not other.aws().client("ec2", HOME).describe_instances()["Reservations"]
    late = other.aws().client("ec2", HOME)
    other.close()
    assert refusal(late.describe_instances) == "InvalidClientTokenId"
    assert len(ec2.describe_instances()["Reservations"]) == 1
