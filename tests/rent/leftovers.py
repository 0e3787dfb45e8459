"""Things on AWS that bear a lease's tags, made one by one as a crash would leave them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from freehold.rent.lease import Lease
from freehold.rent.thing import Kind
from tests.aws.machines import BY_USER, end, put_in
from tests.aws.world import World

TOKEN = "0123456789abcdef"
OTHER_TOKEN = "fedcba9876543210"
LEDGER = "1111111111111111"
REGION = "us-east-1"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3fyMx3Pe0Yd3cgJEjPzdIpMlKSEGjMYPnZkDBsXDlr"


def never(_seconds: float) -> None:
    """A pause that takes no time."""


def lease(deadline: datetime, token: str = TOKEN, ledger: str = LEDGER) -> Lease:
    """One with this deadline; nothing of the rest matters to what it leaves."""
    return Lease(token, "demo/rented", ledger, "somebody@somewhere", deadline, deadline, None, ())


@dataclass
class Leftovers:
    """What is made bears `tags`; with none it is somebody else's, called by names of theirs."""

    world: World
    tags: dict[str, str]
    name: str
    region: str = REGION
    deadline: datetime | None = None
    made: list[str] = field(default_factory=list)

    def make(self, kind: Kind, region: str = "") -> str:
        """One of that class; its id."""
        self.region = region or self.region
        made = _MAKERS[kind](self)
        self.made.append(made)
        return made

    def instance(self, **more: Any) -> str:
        """A running one."""
        return str(
            self._ec2.run_instances(
                **{
                    "ImageId": self.world.image(self.region),
                    "InstanceType": "p4d.24xlarge",
                    "MinCount": 1,
                    "MaxCount": 1,
                    "InstanceInitiatedShutdownBehavior": "terminate",
                    "TagSpecifications": self._specification("instance", "volume"),
                    **more,
                }
            )["Instances"][0]["InstanceId"]
        )

    def spot_request(self) -> str:
        """One that is open, as of an instance that was not yet given."""
        answer = self._ec2.request_spot_instances(
            SpotPrice="99",
            LaunchSpecification={
                "ImageId": self.world.image(self.region),
                "InstanceType": "p4d.24xlarge",
            },
        )
        made = str(answer["SpotInstanceRequests"][0]["SpotInstanceRequestId"])
        self._take_back_what_moto_gave(made)
        if self.tags:
            self._ec2.create_tags(Resources=[made], Tags=self._tag_list)
        return made

    def _take_back_what_moto_gave(self, request: str) -> None:
        """moto fulfils every request at once; AWS has none to give yet."""
        ec2 = self.world.ec2(self.region)
        instance = ec2.spot_instance_requests[request].instance
        for nic in instance.nics.values():
            ec2.enis.pop(nic.id, None)
        end(self.world, instance, BY_USER)
        self.world.ledger.changing.pop(instance.id, None)
        put_in(instance, "terminated")

    def volume(self) -> str:
        """One of a GiB, attached to nothing."""
        return str(
            self._ec2.create_volume(
                AvailabilityZone=f"{self.region}a",
                Size=1,
                VolumeType="gp3",
                TagSpecifications=self._specification("volume"),
            )["VolumeId"]
        )

    def snapshot(self) -> str:
        """Of a volume that is gone."""
        bare = Leftovers(self.world, {}, "theirs", self.region)
        volume = bare.volume()
        made = self._ec2.create_snapshot(
            VolumeId=volume, TagSpecifications=self._specification("snapshot")
        )
        self._ec2.delete_volume(VolumeId=volume)
        return str(made["SnapshotId"])

    def address(self) -> str:
        """One that is bound to nothing."""
        return str(
            self._ec2.allocate_address(
                Domain="vpc", TagSpecifications=self._specification("elastic-ip")
            )["AllocationId"]
        )

    def interface(self) -> str:
        """One in the default network."""
        subnet = self._ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        return str(
            self._ec2.create_network_interface(
                SubnetId=subnet, TagSpecifications=self._specification("network-interface")
            )["NetworkInterface"]["NetworkInterfaceId"]
        )

    def group(self) -> str:
        """An empty one in the default network."""
        return str(
            self._ec2.create_security_group(
                GroupName=f"{self.name}-{len(self.made)}",
                Description="a group",
                TagSpecifications=self._specification("security-group"),
            )["GroupId"]
        )

    def key(self) -> str:
        """Somebody's public key."""
        return str(
            self._ec2.import_key_pair(
                KeyName=f"{self.name}-{len(self.made)}",
                PublicKeyMaterial=PUBLIC_KEY.encode(),
                TagSpecifications=self._specification("key-pair"),
            )["KeyPairId"]
        )

    def role(self) -> str:
        """With a policy in it, as ours have."""
        name = f"{self.name}-{len(self.made)}"
        self._iam.create_role(
            RoleName=name,
            Path="/freehold/" if self.tags else "/",
            AssumeRolePolicyDocument=_trusting("scheduler.amazonaws.com"),
            Tags=self._tag_list,
        )
        self._iam.put_role_policy(
            RoleName=name,
            PolicyName="rights",
            PolicyDocument=_POLICY,
        )
        return name

    def profile(self) -> str:
        """With a role in it."""
        role = self.role()
        name = f"{self.name}-{len(self.made)}-profile"
        self._iam.create_instance_profile(
            InstanceProfileName=name,
            Path="/freehold/" if self.tags else "/",
            Tags=self._tag_list,
        )
        self._iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
        return name

    def schedule(self) -> str:
        """One that fires at the deadline."""
        name = f"{self.name}-{len(self.made)}"
        role = self._iam.create_role(
            RoleName=f"{name}-schedule",
            Path="/freehold/" if self.tags else "/",
            AssumeRolePolicyDocument=_trusting("scheduler.amazonaws.com"),
            Tags=self._tag_list,
        )["Role"]["Arn"]
        at = f"{self.deadline or self.world.clock():%Y-%m-%dT%H:%M:%S}"
        self.world.aws().client("scheduler", self.region).create_schedule(
            Name=name,
            ScheduleExpression=f"at({at})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": "arn:aws:scheduler:::aws-sdk:ssm:startAutomationExecution",
                "RoleArn": role,
            },
        )
        return f"default/{name}"

    @property
    def _ec2(self) -> Any:
        return self.world.aws().client("ec2", self.region)

    @property
    def _iam(self) -> Any:
        return self.world.aws().client("iam", self.region)

    @property
    def _tag_list(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    def _specification(self, *kinds: str) -> list[dict[str, Any]]:
        if not self.tags:
            return []
        return [{"ResourceType": kind, "Tags": self._tag_list} for kind in kinds]


_MAKERS: dict[Kind, Callable[[Leftovers], str]] = {
    Kind.SPOT_REQUEST: Leftovers.spot_request,
    Kind.INSTANCE: Leftovers.instance,
    Kind.INTERFACE: Leftovers.interface,
    Kind.VOLUME: Leftovers.volume,
    Kind.SNAPSHOT: Leftovers.snapshot,
    Kind.ADDRESS: Leftovers.address,
    Kind.GROUP: Leftovers.group,
    Kind.KEY: Leftovers.key,
    Kind.SCHEDULE: Leftovers.schedule,
    Kind.PROFILE: Leftovers.profile,
    Kind.ROLE: Leftovers.role,
}
MADE = tuple(_MAKERS)
"""Every class of which one can be made; a reservation is bought apart."""


def of_lease(world: World, at: Lease) -> Leftovers:
    """What bears a lease's tags and names."""
    return Leftovers(world, at.tags(), at.name, deadline=at.deadline)


def of_others(world: World) -> Leftovers:
    """What is in the account beside us."""
    return Leftovers(world, {}, "theirs")


def reserve(world: World, *reservations: dict[str, Any]) -> None:
    """The account's capacity reservations, which moto does not know."""
    world.handle(
        "ec2", "DescribeCapacityReservations", lambda _: {"CapacityReservations": [*reservations]}
    )


def _trusting(service: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
)
