"""Faults on demand, and policies: before a call is carried out, after it, or on its way back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.aws.asking import HOME, refusal
from tests.aws.world import World


def test_a_refused_call_has_done_nothing(world: World, launch: Callable[..., str]) -> None:
    world.faults.add("RunInstances", "VcpuLimitExceeded", message="of 0")
    assert refusal(launch) == "VcpuLimitExceeded"
    assert not world.machines()
    assert launch()


def test_a_refusal_meets_the_repeats_of_a_call_too(
    world: World, launch: Callable[..., str]
) -> None:
    world.faults.add("RunInstances", "InsufficientInstanceCapacity")
    assert refusal(launch) == "InsufficientInstanceCapacity"
    assert launch()


def test_throttling_passes(world: World, launch: Callable[..., str]) -> None:
    world.faults.add("RunInstances", "RequestLimitExceeded", times=2)
    launch()
    assert [call.code for call in world.calls if call.action == "RunInstances"] == [
        "RequestLimitExceeded",
        "RequestLimitExceeded",
        "",
    ]


@pytest.mark.parametrize("when", ["after", "timeout"])
def test_what_was_done_and_not_answered_is_done_once(
    world: World, launch: Callable[..., str], when: Any
) -> None:
    world.faults.add("RunInstances", when=when)
    instance_id = launch(ClientToken="once")
    assert [machine.id for machine in world.machines()] == [instance_id]
    assert sum(call.action == "RunInstances" for call in world.calls) == 2


def test_a_dropped_call_was_not_carried_out(world: World, launch: Callable[..., str]) -> None:
    seen: list[int] = []
    world.faults.add("RunInstances", when="drop", do=lambda _: seen.append(len(world.machines())))
    launch()
    assert seen == [0]
    assert len(world.machines()) == 1


def test_a_fault_may_be_for_one_region_and_some_calls(
    world: World, launch: Callable[..., str]
) -> None:
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
    world.faults.add("RunInstances", "AccessDenied", region="us-west-2", times=None)
    world.faults.add(
        "RunInstances",
        "MaxSpotInstanceCountExceeded",
        where=lambda call: "InstanceMarketOptions" in call.parameters,
    )
    assert launch()
    assert refusal(lambda: launch(**spot)) == "MaxSpotInstanceCountExceeded"
    launch(**spot)
    assert [machine.market for machine in world.machines()] == ["on-demand", "spot"]


def test_a_held_call_stops_until_it_is_released(world: World, launch: Callable[..., str]) -> None:
    held = world.faults.hold("RunInstances")
    caller = threading.Thread(target=launch)
    caller.start()
    assert held.reached.wait(20)
    assert not world.machines()
    held.release()
    caller.join(20)
    assert len(world.machines()) == 1


def test_a_policy_allows_actions_and_nothing_else(world: World, ec2: Any) -> None:
    statement = {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}
    world.allow_only({"Statement": [statement]})
    ec2.describe_instances()
    assert refusal(lambda: ec2.delete_key_pair(KeyName="k")) == "UnauthorizedOperation"
    assert refusal(world.aws().client("iam", HOME).list_roles) == "AccessDenied"
    list_schedules = world.aws().client("scheduler", HOME).list_schedules
    assert refusal(list_schedules) == "AccessDeniedException"
