"""The least that AWS must allow: a policy for whoever rents, and one for `fab lease.reap` alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from freehold.rent.lease import IAM_PATH, NAME_PREFIX, TAG_LEASE

ROLES = f"arn:aws:iam::*:role{IAM_PATH}*"
PROFILES = f"arn:aws:iam::*:instance-profile{IAM_PATH}*"
SCHEDULES = f"arn:aws:scheduler:*:*:schedule/*/{NAME_PREFIX}*"
SPOT_ROLE = "arn:aws:iam::*:role/aws-service-role/spot.amazonaws.com/*"
SSH_SESSIONS = "arn:aws:ssm:*:*:document/AWS-StartSSHSession"
OWN_SESSIONS = "arn:aws:ssm:*:*:session/${aws:userid}-*"

_BEARS_A_LEASE = {"Null": {f"aws:ResourceTag/{TAG_LEASE}": "false"}}
_IS_GIVEN_A_LEASE = {"Null": {f"aws:RequestTag/{TAG_LEASE}": "false"}}


def _arns(*kinds: str, account: str = "*") -> tuple[str, ...]:
    return tuple(f"arn:aws:ec2:*:{account}:{kind}/*" for kind in kinds)


@dataclass(frozen=True)
class Grant:
    """Actions of one service that are allowed on `resources` under `condition`."""

    name: str
    service: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    condition: Mapping[str, Any] = field(default_factory=dict)

    @property
    def statement(self) -> dict[str, Any]:
        """As IAM writes it."""
        found: dict[str, Any] = {
            "Sid": self.name,
            "Effect": "Allow",
            "Action": [f"{self.service}:{action}" for action in sorted(self.actions)],
            "Resource": list(self.resources) if len(self.resources) > 1 else self.resources[0],
        }
        return {**found, "Condition": self.condition} if self.condition else found


AUDIT = (
    # EC2 knows no narrower right to describe than all of a region.
    Grant(
        "LookAtWhatMayBeLeft",
        "ec2",
        (
            "DescribeAddresses",
            "DescribeCapacityReservations",
            "DescribeInstances",
            "DescribeKeyPairs",
            "DescribeNetworkInterfaces",
            "DescribeRegions",
            "DescribeSecurityGroups",
            "DescribeSnapshots",
            "DescribeSpotInstanceRequests",
            "DescribeVolumes",
        ),
    ),
    Grant("ListSchedules", "scheduler", ("ListSchedules",)),
    Grant("ListRoles", "iam", ("ListInstanceProfiles", "ListRoles")),
)
END = (
    Grant(
        "EndWhatBearsALease",
        "ec2",
        (
            "CancelSpotInstanceRequests",
            "DeleteKeyPair",
            "DeleteNetworkInterface",
            "DeleteSecurityGroup",
            "DeleteSnapshot",
            "DeleteVolume",
            "ReleaseAddress",
            "TerminateInstances",
        ),
        condition=_BEARS_A_LEASE,
    ),
    Grant(
        "EndItsRoles",
        "iam",
        (
            "DeleteInstanceProfile",
            "DeleteRole",
            "DeleteRolePolicy",
            "DetachRolePolicy",
            "GetInstanceProfile",
            "GetRole",
            "ListAttachedRolePolicies",
            "ListRolePolicies",
            "RemoveRoleFromInstanceProfile",
        ),
        (ROLES, PROFILES),
    ),
    Grant("EndItsSchedules", "scheduler", ("DeleteSchedule", "GetSchedule"), (SCHEDULES,)),
)
QUOTE = (
    Grant(
        "LookAtWhatThereIs",
        "ec2",
        (
            "DescribeCapacityBlockOfferings",
            "DescribeImages",
            "DescribeInstanceTypeOfferings",
            "DescribeInstanceTypes",
            "DescribeSpotPriceHistory",
        ),
    ),
    Grant("AskForPrices", "pricing", ("GetProducts",)),
    Grant("AskForQuotas", "servicequotas", ("GetAWSDefaultServiceQuota", "GetServiceQuota")),
    Grant(
        "AskForTheImage",
        "ssm",
        ("GetParameter",),
        ("arn:aws:ssm:*::parameter/aws/service/*",),
    ),
)
RENT = (
    Grant(
        "MakeWhatBearsALease",
        "ec2",
        ("RunInstances",),
        _arns("instance", "volume", "network-interface", "spot-instances-request"),
        _IS_GIVEN_A_LEASE,
    ),
    Grant(
        "MakeItOfWhatIsThere",
        "ec2",
        ("RunInstances",),
        (
            *_arns("image", account=""),
            *_arns("capacity-reservation", "image", "key-pair", "security-group", "subnet"),
        ),
    ),
    Grant(
        "MakeWhatIsAroundIt",
        "ec2",
        ("CreateSecurityGroup", "ImportKeyPair"),
        _arns("key-pair", "security-group"),
        _IS_GIVEN_A_LEASE,
    ),
    Grant("MakeItInANetwork", "ec2", ("CreateSecurityGroup",), _arns("vpc")),
    Grant(
        "TagWhatIsMade",
        "ec2",
        ("CreateTags",),
        _arns("*"),
        {
            "StringEquals": {
                "ec2:CreateAction": ["CreateSecurityGroup", "ImportKeyPair", "RunInstances"]
            }
        },
    ),
    Grant(
        "ChangeWhatBearsALease",
        "ec2",
        (
            "AuthorizeSecurityGroupEgress",
            "AuthorizeSecurityGroupIngress",
            "CreateTags",
            "DeleteTags",
            "GetConsoleOutput",
            "RevokeSecurityGroupEgress",
            "RevokeSecurityGroupIngress",
        ),
        condition=_BEARS_A_LEASE,
    ),
    Grant(
        "MakeItsRoles",
        "iam",
        (
            "AddRoleToInstanceProfile",
            "CreateInstanceProfile",
            "CreateRole",
            "GetRolePolicy",
            "ListInstanceProfilesForRole",
            "PutRolePolicy",
            "TagInstanceProfile",
            "TagRole",
            "UntagInstanceProfile",
            "UntagRole",
            "UpdateAssumeRolePolicy",
        ),
        (ROLES, PROFILES),
    ),
    Grant(
        "GiveThemToItsInstanceAndSchedule",
        "iam",
        ("PassRole",),
        (ROLES,),
        {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "scheduler.amazonaws.com"]}},
    ),
    # An account's first spot instance ever makes this role of AWS's own.
    Grant(
        "FirstSpotInstance",
        "iam",
        ("CreateServiceLinkedRole",),
        (SPOT_ROLE,),
        {"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}},
    ),
    Grant("MakeItsSchedules", "scheduler", ("CreateSchedule", "UpdateSchedule"), (SCHEDULES,)),
)
# What the aws command line does for freehold:rented.access. Sources: Systems Manager User Guide,
# "Sample IAM policies for Session Manager"; EC2 User Guide, "Grant permissions to use EC2 Instance
# Connect Endpoint".
REACH = (
    Grant(
        "GoThereBySessionManager",
        "ssm",
        ("StartSession",),
        _arns("instance"),
        {"Null": {f"ssm:resourceTag/{TAG_LEASE}": "false"}},
    ),
    Grant("ForSshAlone", "ssm", ("StartSession",), (SSH_SESSIONS,)),
    Grant("EndItsOwnSessions", "ssm", ("TerminateSession",), (OWN_SESSIONS,)),
    Grant("SpeakInItsOwnSessions", "ssmmessages", ("OpenDataChannel",), (OWN_SESSIONS,)),
    Grant("LookForTheEndpoint", "ec2", ("DescribeInstanceConnectEndpoints",)),
    Grant(
        "GoThereByTheEndpoint",
        "ec2-instance-connect",
        ("OpenTunnel",),
        _arns("instance-connect-endpoint"),
        {"NumericEquals": {"ec2-instance-connect:remotePort": "22"}},
    ),
)


def user_policy() -> dict[str, Any]:
    """What whoever rents needs: to quote, make, reach, renew, end and audit."""
    return _policy(AUDIT + END + QUOTE + RENT + REACH)


def reap_policy() -> dict[str, Any]:
    """What `fab lease.reap` and `fab lease.audit` need: it can make nothing, and ends only what
    bears a lease."""
    return _policy(AUDIT + END)


def as_json(policy: Mapping[str, Any]) -> str:
    """As a file has it."""
    return json.dumps(policy, indent=2) + "\n"


def actions_of(policy: Mapping[str, Any]) -> frozenset[str]:
    """All that it allows: "ec2:RunInstances"."""
    return frozenset(action for statement in policy["Statement"] for action in statement["Action"])


def _policy(grants: tuple[Grant, ...]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [grant.statement for grant in grants]}
