"""The call that deletes one thing of each class; an answer of success is not yet a deletion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from freehold.rent.aws import Aws, AwsError, calling
from freehold.rent.regions import HOME
from freehold.rent.survey_ec2 import every_page
from freehold.rent.thing import Kind, Thing


def delete(aws: Aws, thing: Thing) -> None:
    """Ask AWS to delete it, with what is bound to it and to nothing else; one that is not there is
    no error. Raises AwsError. Instances are ended by `end_instance` instead."""
    try:
        with calling(f"{thing}: delete"):
            _CALLS[thing.kind](aws, thing)
    except AwsError as error:
        if not _says_that_it_is_gone(error.code):
            raise


def _says_that_it_is_gone(code: str) -> bool:
    return "NotFound" in code or code == "NoSuchEntity"


def _in_ec2(call: str, parameter: str, *, many: bool = False) -> Callable[[Aws, Thing], None]:
    def run(aws: Aws, thing: Thing) -> None:
        client: Any = aws.client("ec2", thing.region)
        getattr(client, call)(**{parameter: [thing.id] if many else thing.id})

    return run


def _schedule(aws: Aws, thing: Thing) -> None:
    group, _, name = thing.id.partition("/")
    aws.client("scheduler", thing.region).delete_schedule(GroupName=group, Name=name)


def _profile(aws: Aws, thing: Thing) -> None:
    """A profile with a role in it cannot be deleted."""
    iam = aws.client("iam", HOME)
    profile = iam.get_instance_profile(InstanceProfileName=thing.id)["InstanceProfile"]
    for role in profile["Roles"]:
        iam.remove_role_from_instance_profile(
            InstanceProfileName=thing.id, RoleName=role["RoleName"]
        )
    iam.delete_instance_profile(InstanceProfileName=thing.id)


def _role(aws: Aws, thing: Thing) -> None:
    """Nor can a role with policies."""
    iam = aws.client("iam", HOME)
    for page in every_page(iam, "list_role_policies", RoleName=thing.id):
        for policy in page["PolicyNames"]:
            iam.delete_role_policy(RoleName=thing.id, PolicyName=policy)
    for page in every_page(iam, "list_attached_role_policies", RoleName=thing.id):
        for attached in page["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=thing.id, PolicyArn=attached["PolicyArn"])
    iam.delete_role(RoleName=thing.id)


_CALLS: Mapping[Kind, Callable[[Aws, Thing], None]] = MappingProxyType(
    {
        Kind.SPOT_REQUEST: _in_ec2(
            "cancel_spot_instance_requests", "SpotInstanceRequestIds", many=True
        ),
        Kind.INTERFACE: _in_ec2("delete_network_interface", "NetworkInterfaceId"),
        Kind.VOLUME: _in_ec2("delete_volume", "VolumeId"),
        Kind.SNAPSHOT: _in_ec2("delete_snapshot", "SnapshotId"),
        Kind.ADDRESS: _in_ec2("release_address", "AllocationId"),
        Kind.GROUP: _in_ec2("delete_security_group", "GroupId"),
        Kind.KEY: _in_ec2("delete_key_pair", "KeyPairId"),
        Kind.SCHEDULE: _schedule,
        Kind.PROFILE: _profile,
        Kind.ROLE: _role,
    }
)
