"""What surrounds a rented instance and costs nothing: groups, keys, roles, the switch in AWS."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from freehold.errors import FreeholdError
from freehold.infra.resources import Lease
from freehold.rent import schedule
from freehold.rent.aws import INSTALL
from freehold.rent.lease import IAM_PATH, TAG_LEASE, time_of

SSH_PORT = 22
_ANYWHERE = "0.0.0.0/0"
_SSM_ACTIONS = (
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
"""Source: AWS Systems Manager User Guide, "Create a custom IAM role for Session Manager"."""


@dataclass(frozen=True)
class Around:
    """Of one rented node. `open_to` are the networks that reach its SSH port; `access` is
    `freehold:rented.access`."""

    name: str
    parent: pulumi.Resource
    regions: tuple[str, ...]
    lease: Lease
    public_key: str
    open_to: tuple[str, ...]
    access: str


@dataclass(frozen=True)
class Surroundings:
    """`groups` (ids), `keys` and `schedules` (names) are by region; `resources` are all of them,
    of which each is there before the instance."""

    groups: Mapping[str, pulumi.Output[str]]
    keys: Mapping[str, pulumi.Output[str]]
    profile: pulumi.Output[str]
    schedules: Mapping[str, pulumi.Output[str]]
    resources: list[pulumi.Resource]


def surround(around: Around) -> Surroundings:
    """Declare them, each with the lease's tags, or its path or name where it takes no tags.

    Their names have random ends: an `up` that was killed makes others, and is in nobody's way.
    Raises FreeholdError where pulumi-aws is not installed.
    """
    aws = _pulumi_aws()
    lease, name = around.lease, around.name
    provider = aws.Provider(
        f"{name}-aws",
        region=around.regions[0],
        opts=pulumi.ResourceOptions(parent=around.parent),
    )
    # The engine deletes none of them, as it does not know of an instance that a killed `up` made:
    # the schedule that ends that one would go, and it would bill on. The lease's end sweeps them.
    opts = pulumi.ResourceOptions(parent=around.parent, provider=provider, retain_on_delete=True)
    token = lease.token
    role = _role(aws, around, "node", _trust("ec2.amazonaws.com"), opts)
    policy = token.apply(lambda known: _node_policy(known, around.access))
    node_policy = aws.iam.RolePolicy(f"{name}-node-may", role=role.name, policy=policy, opts=opts)
    profile = aws.iam.InstanceProfile(
        f"{name}-profile",
        name_prefix=_prefix(lease, "node"),
        path=IAM_PATH,
        role=role.name,
        tags=lease.tags,
        opts=opts,
    )
    ending = _role(aws, around, "end", schedule.trust_policy(), opts)
    may_end = aws.iam.RolePolicy(
        f"{name}-end-may",
        role=ending.name,
        policy=token.apply(schedule.role_policy),
        opts=opts,
    )
    groups = {region: _group(aws, around, region, opts) for region in around.regions}
    keys = {region: _key(aws, around, region, opts) for region in around.regions}
    ended = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[may_end]))
    schedules = {
        region: _schedule(aws, around, region, ending.arn, ended) for region in around.regions
    }
    return Surroundings(
        groups={region: group.id for region, group in groups.items()},
        keys={region: key.key_name for region, key in keys.items()},
        profile=profile.name,
        schedules={region: each.name for region, each in schedules.items()},
        resources=[
            role, node_policy, profile, ending, may_end,
            *groups.values(), *keys.values(), *schedules.values(),
        ],
    )  # fmt: skip


def _role(aws: Any, around: Around, what: str, trust: str, opts: pulumi.ResourceOptions) -> Any:
    return aws.iam.Role(
        f"{around.name}-{what}",
        name_prefix=_prefix(around.lease, what),
        path=IAM_PATH,
        assume_role_policy=trust,
        tags=around.lease.tags,
        opts=opts,
    )


def _group(aws: Any, around: Around, region: str, opts: pulumi.ResourceOptions) -> Any:
    v6 = [each for each in around.open_to if ipaddress.ip_network(each).version == 6]
    v4 = [each for each in around.open_to if each not in v6]
    ssh = aws.ec2.SecurityGroupIngressArgs(
        protocol="tcp",
        from_port=SSH_PORT,
        to_port=SSH_PORT,
        cidr_blocks=v4 or None,
        ipv6_cidr_blocks=v6 or None,
    )
    out = aws.ec2.SecurityGroupEgressArgs(
        protocol="-1", from_port=0, to_port=0, cidr_blocks=[_ANYWHERE]
    )
    return aws.ec2.SecurityGroup(
        f"{around.name}-{region}",
        region=region,
        name_prefix=_prefix(around.lease, "node"),
        description="One node of Freehold: SSH from the networks of its stack",
        ingress=[ssh] if around.open_to else [],
        egress=[out],
        tags=around.lease.tags,
        opts=opts,
    )


def _key(aws: Any, around: Around, region: str, opts: pulumi.ResourceOptions) -> Any:
    return aws.ec2.KeyPair(
        f"{around.name}-{region}",
        region=region,
        key_name_prefix=_prefix(around.lease, "node"),
        public_key=around.public_key,
        tags=around.lease.tags,
        opts=opts,
    )


def _schedule(
    aws: Any, around: Around, region: str, role_arn: Any, opts: pulumi.ResourceOptions
) -> Any:
    """Before the instance, which it therefore cannot name: it ends what bears the lease's tag."""
    lease = around.lease
    return aws.scheduler.Schedule(
        f"{around.name}-{region}",
        region=region,
        name_prefix=_prefix(lease, "end"),
        schedule_expression=lease.deadline.apply(lambda at: schedule.expression(time_of(at))),
        schedule_expression_timezone=schedule.TIMEZONE,
        action_after_completion=schedule.AFTER_COMPLETION,
        flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(
            mode=schedule.FLEXIBLE_WINDOW
        ),
        target=aws.scheduler.ScheduleTargetArgs(
            arn=schedule.TARGET_ARN,
            role_arn=role_arn,
            input=lease.token.apply(schedule.target_input),
        ),
        opts=opts,
    )


def _prefix(lease: Lease, what: str) -> pulumi.Output[str]:
    return lease.name.apply(lambda name: f"{name}-{what}-")


def _trust(service: str) -> str:
    return _policy(
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    )


def _node_policy(token: str, access: str) -> str:
    """The instance may end itself; and speak to Session Manager, where SSH goes through it."""
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": "ec2:TerminateInstances",
            "Resource": "arn:aws:ec2:*:*:instance/*",
            "Condition": {"StringEquals": {f"aws:ResourceTag/{TAG_LEASE}": token}},
        }
    ]
    if access == "ssm":
        statements.append({"Effect": "Allow", "Action": list(_SSM_ACTIONS), "Resource": "*"})
    return _policy(*statements)


def _policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=1)


def _pulumi_aws() -> Any:
    try:
        import pulumi_aws
    except ImportError:
        raise FreeholdError.of(
            "freehold:rented", "expected pulumi-aws, which declares what is rented", INSTALL
        ) from None
    return pulumi_aws
