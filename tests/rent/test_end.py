"""An instance is ended when AWS says that it is, and its disks when they are seen no more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from freehold.rent.aws import AwsError
from freehold.rent.end import Ended, end_instance
from freehold.rent.thing import Kind
from tests.aws.world import World
from tests.rent.leftovers import REGION, Leftovers, lease, never, of_lease


@pytest.fixture
def ours(world: World) -> Leftovers:
    return of_lease(world, lease(world.clock() + timedelta(hours=1)))


def end(world: World, instance: str, heard: list[str] | None = None) -> Ended:
    on_state = heard.append if heard is not None else lambda _: None
    return end_instance(world.aws(), REGION, instance, on_state, clock=world.clock, pause=never)


def asked(world: World, action: str) -> int:
    return sum(call.action == action for call in world.calls)


def test_an_instance_is_told_to_end_and_waited_for(ours: Leftovers) -> None:
    instance, heard = ours.make(Kind.INSTANCE), list[str]()
    ours.world.calls_until_terminated = 4
    ended = end(ours.world, instance, heard)
    assert heard[-2:] == ["shutting-down", "terminated"]
    assert ours.world.machines()[0].state == "terminated"
    assert (ended.instance_id, ended.region) == (instance, REGION)
    assert "User initiated" in ended.cause


def test_its_end_is_the_time_that_it_was_told_to_end(ours: Leftovers) -> None:
    instance = ours.make(Kind.INSTANCE)
    told = ours.world.clock.advance(hours=2) or ours.world.clock()
    ended = end(ours.world, instance)
    assert ended.ended_at is not None
    assert abs(ended.ended_at - told) < timedelta(seconds=2)


def test_an_instance_that_has_ended_already_is_left_alone(ours: Leftovers) -> None:
    instance = ours.make(Kind.INSTANCE)
    first = end(ours.world, instance)
    told = asked(ours.world, "TerminateInstances")
    ours.world.clock.advance(hours=3)
    again = end(ours.world, instance)
    assert asked(ours.world, "TerminateInstances") == told
    assert again.ended_at == first.ended_at


def test_an_instance_that_powered_itself_off_says_so(ours: Leftovers) -> None:
    instance = ours.make(Kind.INSTANCE)
    ours.world.instance_powered_off(instance)
    assert "InstanceInitiatedShutdown" in end(ours.world, instance).cause


def test_an_instance_that_aws_forgot_is_ended_at_no_known_time(ours: Leftovers) -> None:
    instance = ours.make(Kind.INSTANCE)
    end(ours.world, instance)
    ours.world.forget_ended()
    assert end(ours.world, instance).ended_at is None


def test_an_instance_that_is_not_yet_described_is_not_taken_for_one_that_is_gone(
    ours: Leftovers,
) -> None:
    ours.world.calls_until_described = 2
    instance = ours.make(Kind.INSTANCE)
    assert end(ours.world, instance).ended_at is not None
    assert ours.world.billing() == ()


def test_an_order_whose_answer_was_lost_is_given_again(ours: Leftovers) -> None:
    instance = ours.make(Kind.INSTANCE)
    ours.world.faults.add("TerminateInstances", when="timeout")
    end(ours.world, instance)
    assert ours.world.billing() == ()


def test_an_order_that_aws_took_and_forgot_is_given_again(ours: Leftovers) -> None:
    instance = ours.make(Kind.INSTANCE)
    taken: list[object] = []

    def forget(call: object) -> dict[str, object]:
        taken.append(call)
        if len(taken) == 2:
            del ours.world._handlers["ec2", "TerminateInstances"]
        return {"TerminatingInstances": []}

    ours.world.handle("ec2", "TerminateInstances", forget)
    end(ours.world, instance)
    assert len(taken) == 2
    assert ours.world.billing() == ()


def test_a_protected_instance_is_an_error_with_the_command_that_helps(ours: Leftovers) -> None:
    instance = ours.make(Kind.INSTANCE)
    ours.world.faults.add(
        "TerminateInstances",
        "OperationNotPermitted",
        times=None,
        message=f"The instance '{instance}' may not be terminated.",
    )
    with pytest.raises(AwsError, match="--no-disable-api-termination") as raised:
        end(ours.world, instance)
    assert f"--region {REGION} --instance-id {instance}" in str(raised.value)


def test_an_instance_that_never_ends_is_an_error_with_its_state(ours: Leftovers) -> None:
    instance = ours.make(Kind.INSTANCE)
    ours.world.calls_until_terminated = 10_000
    with pytest.raises(AwsError, match="within 20 minutes, found it shutting-down"):
        end(ours.world, instance)


def test_an_aws_that_may_not_be_asked_is_an_error_and_no_end(ours: Leftovers) -> None:
    instance = ours.make(Kind.INSTANCE)
    ours.world.faults.add("DescribeInstances", "UnauthorizedOperation", times=None)
    with pytest.raises(AwsError, match="UnauthorizedOperation"):
        end(ours.world, instance)


def test_the_disk_that_goes_with_it_is_seen_to_be_gone(ours: Leftovers) -> None:
    instance = ours.make(Kind.INSTANCE)
    ended = end(ours.world, instance)
    assert len(ended.volumes_gone) == 1
    assert ended.volumes_left == ()
    assert not any(thing.startswith("volume") for thing in ours.world.left())


def test_a_disk_that_stays_is_said(ours: Leftovers) -> None:
    instance, volume = ours.make(Kind.INSTANCE), ours.make(Kind.VOLUME)
    client = ours.world.aws().client("ec2", REGION)
    client.attach_volume(Device="/dev/sdf", InstanceId=instance, VolumeId=volume)
    assert end(ours.world, instance).volumes_left == (volume,)


def test_disks_that_may_not_be_looked_at_are_not_said_to_be_gone(ours: Leftovers) -> None:
    instance = ours.make(Kind.INSTANCE)
    ours.world.faults.add("DescribeVolumes", "UnauthorizedOperation", times=None)
    ended = end(ours.world, instance)
    assert ended.volumes_gone == ()
    assert len(ended.volumes_left) == 1
