"""What EC2 does and moto does not, around moto's own answers."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from tests.aws.answer import Answer, Refusal, answer_of
from tests.aws.call import Call
from tests.aws.launching import run_instances
from tests.aws.machines import (
    BY_ITSELF,
    BY_USER,
    console_of,
    describe_step,
    end,
    mark_ended,
)

if TYPE_CHECKING:
    from tests.aws.world import CarryOut, Rule, World


def describe_instances(world: World, call: Call, carry_out: CarryOut) -> Answer:
    """Those that are not to be seen yet are left out, or not found by their ids."""
    describe_step(world, call.region)
    ec2 = world.ec2(call.region)
    hidden = {
        key: reservation
        for key, reservation in ec2.reservations.items()
        if any(instance.id in world.ledger.hidden for instance in reservation.instances)
    }
    for reservation in hidden.values():
        for instance in reservation.instances:
            world.ledger.hidden[instance.id] -= 1
            if not world.ledger.hidden[instance.id]:
                del world.ledger.hidden[instance.id]
        del ec2.reservations[_key_of(ec2.reservations, reservation)]
    try:
        return carry_out()
    finally:
        ec2.reservations.update(hidden)


def terminate_instances(world: World, call: Call, carry_out: CarryOut) -> Answer:
    """Ending what has ended changes nothing."""
    ec2 = world.ec2(call.region)
    asked = [ec2.get_instance(instance_id) for instance_id in _ids(call) if _is_there(ec2, call)]
    living = [i for i in asked if i.state not in ("shutting-down", "terminated")]
    for instance in asked:
        if instance not in living:  # moto would take its disks and interfaces away once more
            instance.block_device_mapping.clear()
    answer = carry_out()
    if answer.status != 200:
        return answer
    for instance in asked:
        for nic in instance.nics.values():
            nic.delete_on_termination = False
        if instance in living:
            mark_ended(world, instance, BY_USER)
            world.on_end(instance.id)
    return answer


def delete_security_group(world: World, call: Call, carry_out: CarryOut) -> Answer:
    """Refused while anything is in it."""
    ec2, group_id = world.ec2(call.region), call.parameters.get("GroupId")
    users = [
        instance.id
        for instance in ec2.all_instances()
        if instance.state != "terminated"
        and any(
            group.id == group_id
            for group in [
                *instance.security_groups,
                *(group for nic in instance.nics.values() for group in nic.group_set),
            ]
        )
    ]
    users += [
        eni.id for eni in ec2.enis.values() if any(group.id == group_id for group in eni.group_set)
    ]
    if users:
        raise Refusal(
            "DependencyViolation", f"resource {group_id} has a dependent object: {users[0]}"
        )
    return carry_out()


def delete_key_pair(world: World, call: Call, carry_out: CarryOut) -> Answer:
    """By its id too, which moto passes over."""
    key_id, ec2 = call.parameters.get("KeyPairId"), world.ec2(call.region)
    if key_id is None:
        return carry_out()
    for name in [name for name, pair in ec2.key_pairs.items() if pair.id == key_id]:
        ec2.delete_key_pair(name)
    return answer_of(call, {"Return": True, "KeyPairId": key_id})


def get_console_output(world: World, call: Call, carry_out: CarryOut) -> Answer:
    """Empty until the console has been asked as often as the world says."""
    instance_id = call.parameters["InstanceId"]
    answer = carry_out()
    if answer.status != 200:
        return answer
    text = console_of(world, world.ec2(call.region).get_instance(instance_id))
    asked = sum(
        c.action == call.action and c.parameters["InstanceId"] == instance_id for c in world.calls
    )
    result: dict[str, object] = {"InstanceId": instance_id, "Timestamp": world.clock()}
    if text is not None and asked > world.calls_until_console:
        result["Output"] = base64.b64encode(text.encode()).decode()
    return answer_of(call, result)


def describe_regions(world: World, call: Call, _carry_out: CarryOut) -> Answer:
    """Those that are off only where all were asked for."""
    status = dict.fromkeys(world.regions, "opt-in-not-required")
    if call.parameters.get("AllRegions"):
        status |= dict.fromkeys(world.regions_off, "not-opted-in")
    names = call.parameters.get("RegionNames")
    found = [
        {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": text}
        for name, text in status.items()
        if not names or name in names
    ]
    return answer_of(call, {"Regions": found})


def power_off(world: World, instance_id: str) -> None:
    """As `shutdown -h` on the machine itself does."""
    instance = world.moto_instance(instance_id)
    if instance.state not in ("pending", "running"):
        return
    world.ledger.changing.pop(instance_id, None)
    if instance.instance_initiated_shutdown_behavior == "terminate":
        end(world, instance, BY_ITSELF)
    else:
        instance.stop()


def _ids(call: Call) -> list[str]:
    return list(call.parameters.get("InstanceIds", []))


def _is_there(ec2: object, call: Call) -> bool:
    known = {instance.id for instance in ec2.all_instances()}  # type: ignore[attr-defined]
    return all(instance_id in known for instance_id in _ids(call))


def _key_of(reservations: dict[str, object], wanted: object) -> str:
    return next(key for key, reservation in reservations.items() if reservation is wanted)


RULES: dict[str, Rule] = {
    "RunInstances": run_instances,
    "DescribeInstances": describe_instances,
    "DescribeInstanceStatus": describe_instances,
    "TerminateInstances": terminate_instances,
    "DeleteSecurityGroup": delete_security_group,
    "DeleteKeyPair": delete_key_pair,
    "GetConsoleOutput": get_console_output,
    "DescribeRegions": describe_regions,
}
