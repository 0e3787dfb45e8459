"""Instances as the world knows them: what moto's records lack, kept beside them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.ec2.models.instances import StateReason

from tests.aws.host_key import console_text

if TYPE_CHECKING:
    from tests.aws.world import World

CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
"""Source: AWS EC2's InstanceState."""

BY_USER = ("Client.UserInitiatedShutdown", "User initiated shutdown")
BY_ITSELF = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")
"""Source: AWS EC2's StateReason."""

BILLED = ("pending", "running", "stopping")


@dataclass(frozen=True)
class Machine:
    """One instance as it is, whatever AWS says of it to its users. Times are the world's."""

    id: str
    region: str
    zone: str
    type: str
    market: str
    state: str
    tags: dict[str, str]
    user_data: str = field(repr=False)
    address: str | None
    ends_at_shutdown: bool
    launched_at: datetime
    ended_at: datetime | None

    @property
    def bills(self) -> bool:
        return self.state in BILLED


class Ledger:
    """What the world writes down of each instance beside moto's own record."""

    def __init__(self) -> None:
        self.ended_at: dict[str, datetime] = {}
        self.market: dict[str, str] = {}
        self.console: dict[str, str | None] = {}
        self.hidden: dict[str, int] = {}  # calls until it is described
        self.changing: dict[str, tuple[int, str]] = {}  # calls until it is in that state


def put_in(instance: Any, state: str) -> None:
    """Write the state into moto's record."""
    instance._state.name, instance._state.code = state, CODES[state]


def machine_of(world: World, region: str, instance: Any) -> Machine:
    """Our record of moto's record."""
    data = instance.user_data
    return Machine(
        id=instance.id,
        region=region,
        zone=instance.availability_zone,
        type=instance.instance_type,
        market=world.ledger.market.get(instance.id, "on-demand"),
        state=instance.state,
        tags={tag["key"]: tag["value"] for tag in instance.get_tags()},
        user_data=base64.b64decode(str(data)).decode() if data else "",
        address=instance.public_ip_address,
        ends_at_shutdown=instance.instance_initiated_shutdown_behavior == "terminate",
        launched_at=instance.launch_time.replace(tzinfo=UTC),
        ended_at=world.ledger.ended_at.get(instance.id),
    )


def end(world: World, instance: Any, reason: tuple[str, str]) -> None:
    """Terminated now: its disks that go with it are gone, and its interfaces."""
    if instance.state == "terminated":
        return
    instance.terminate()
    for nic in instance.nics.values():
        nic.delete_on_termination = False  # or moto would delete it again, and fail
    mark_ended(world, instance, reason)


def mark_ended(world: World, instance: Any, reason: tuple[str, str]) -> None:
    """What AWS says of an ended instance; it is `shutting-down` first, if the world is so set."""
    at = world.clock()
    world.ledger.ended_at[instance.id] = at
    code, message = reason
    instance.state_reason = StateReason(f"{code}: {message}", code)
    instance._reason = f"User initiated ({at:%Y-%m-%d %H:%M:%S} GMT)" if reason == BY_USER else ""
    calls = world.calls_until_terminated
    if calls:
        world.ledger.changing[instance.id] = (calls, "terminated")
        put_in(instance, "shutting-down")
    else:
        world.ledger.changing.pop(instance.id, None)
        put_in(instance, "terminated")


def describe_step(world: World, region: str) -> None:
    """One call of DescribeInstances later: some have come to their next state."""
    for instance in world.ec2(region).all_instances():
        left, state = world.ledger.changing.pop(instance.id, (0, instance.state))
        if left > 1:
            world.ledger.changing[instance.id] = (left - 1, state)
        elif left:
            put_in(instance, state)


def console_of(world: World, instance: Any) -> str | None:
    """The text of its console: what was set, or a boot's with a host key of its own."""
    if instance.id not in world.ledger.console:
        world.ledger.console[instance.id] = console_text(instance.id)
    return world.ledger.console[instance.id]
