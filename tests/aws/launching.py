"""RunInstances as AWS does it: client tokens honoured, and what does not exist refused."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from tests.aws.answer import Answer, Refusal
from tests.aws.call import Call
from tests.aws.machines import put_in

if TYPE_CHECKING:
    from tests.aws.world import CarryOut, World

USER_DATA_LIMIT = 16_384  # bytes before base64 (source: EC2 user guide, "user data is limited")
TOKEN_LIMIT = 64  # characters (source: EC2 API, "Ensuring idempotency")


def run_instances(world: World, call: Call, carry_out: CarryOut) -> Answer:
    """A second call with the same token gives the same instance, and makes none."""
    asked = call.parameters
    token = asked.get("ClientToken", "")
    if len(token) > TOKEN_LIMIT:
        raise Refusal("InvalidParameterValue", f"ClientToken is longer than {TOKEN_LIMIT}")
    ec2 = world.ec2(call.region)
    known = world.launched.get((call.region, token)) if token else None
    if known:
        parameters, answer, instance_id = known
        if parameters != asked:
            raise Refusal(
                "IdempotentParameterMismatch",
                "The request uses the same client token as a previous, but non-identical request.",
            )
        if ec2.get_instance(instance_id).state in ("shutting-down", "terminated"):
            raise Refusal(
                "IdempotentInstanceTerminated",
                "The request to launch an instance uses the same client token as a previous "
                "request for which the instance has been terminated.",
            )
        return answer
    _check(world, call)
    before = set(ec2.reservations)
    answer = carry_out()
    if answer.status != 200:
        return answer
    (made,) = set(ec2.reservations) - before
    for instance in ec2.reservations[made].instances:
        _finish(world, asked, instance)
    at = f"<launchTime>{world.clock():%Y-%m-%dT%H:%M:%S}.000Z</launchTime>"
    body = re.sub(rb"<launchTime>[^<]*</launchTime>", at.encode(), answer.body)
    if world.calls_until_running:
        body = body.replace(b"<code>16</code>", b"<code>0</code>")
        body = body.replace(b"<name>running</name>", b"<name>pending</name>")
    answer = Answer(answer.status, answer.headers, body)
    if token:
        instance_id = ec2.reservations[made].instances[0].id
        world.launched[call.region, token] = (asked, answer, instance_id)
    return answer


def _check(world: World, call: Call) -> None:
    asked, ec2 = call.parameters, world.ec2(call.region)
    kind = asked.get("InstanceType", "m1.small")
    if kind not in INSTANCE_TYPES:
        raise Refusal("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
    zone = asked.get("Placement", {}).get("AvailabilityZone")
    zones = {
        offered["Location"]
        for offered in INSTANCE_TYPE_OFFERINGS["availability-zone"].get(call.region, [])
        if offered["InstanceType"] == kind
    }
    if not zones or (zone and zone not in zones):
        place = f"Availability Zone ({zone})" if zone else f"region ({call.region})"
        raise Refusal(
            "Unsupported",
            f"Your requested instance type ({kind}) is not supported in your requested {place}.",
        )
    image = asked.get("ImageId")
    if image not in ec2.amis:
        raise Refusal("InvalidAMIID.NotFound", f"The image id '[{image}]' does not exist")
    key = asked.get("KeyName")
    if key and key not in ec2.key_pairs:
        raise Refusal("InvalidKeyPair.NotFound", f"The key pair '{key}' does not exist")
    data = base64.b64decode(asked.get("UserData") or "")
    if len(data) > USER_DATA_LIMIT:
        raise Refusal("InvalidParameterValue", "User data is limited to 16384 bytes")
    profile = asked.get("IamInstanceProfile", {}).get("Name")
    if profile and profile not in {p.name for p in world.iam.instance_profiles.values()}:
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({profile}) for parameter iamInstanceProfile.name is invalid. "
            "Invalid IAM Instance Profile name",
        )


def _finish(world: World, asked: dict[str, Any], instance: Any) -> None:
    """What moto leaves out of a launch."""
    instance.launch_time = world.clock().replace(tzinfo=None)
    market = asked.get("InstanceMarketOptions", {}).get("MarketType")
    if market:
        instance.lifecycle = world.ledger.market[instance.id] = market
    tags = {
        spec["ResourceType"]: {tag["Key"]: tag["Value"] for tag in spec["Tags"]}
        for spec in asked.get("TagSpecifications", [])
    }
    for nic in instance.nics.values():
        if not asked.get("NetworkInterfaces"):
            nic.delete_on_termination = True  # AWS's default for the first one
        nic.add_tags(tags.get("network-interface", {}))
    if world.calls_until_running:
        world.ledger.changing[instance.id] = (world.calls_until_running, "running")
        put_in(instance, "pending")
    if world.calls_until_described:
        world.ledger.hidden[instance.id] = world.calls_until_described
    world.on_launch(instance.id)
