"""The rights on AWS that are asked for: with these all is done, and each of them is needed."""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from freehold.rent.aws import Aws
from freehold.rent.book import utc_now
from freehold.rent.lease import Market
from freehold.rent.quote import quote
from freehold.rent.reap import reap
from freehold.rent.reap_words import reaped_exit_code
from freehold.rent.regions import regions
from freehold.rent.renew import renew
from freehold.rent.rights import actions_of, reap_policy, user_policy
from tests.infra.rented import RENTED_ALONE, Rented
from tests.infra.stack import ROOT
from tests.rent.leftovers import never
from tests.rent.quoting import need, wish

Rent = Callable[..., Rented]

OF_PULUMI_AWS = {
    "aws:ec2/securityGroup:SecurityGroup": """
        ec2:AuthorizeSecurityGroupEgress ec2:AuthorizeSecurityGroupIngress ec2:CreateSecurityGroup
        ec2:CreateTags ec2:DeleteSecurityGroup ec2:DeleteTags ec2:DescribeNetworkInterfaces
        ec2:DescribeSecurityGroups ec2:RevokeSecurityGroupEgress ec2:RevokeSecurityGroupIngress""",
    "aws:ec2/keyPair:KeyPair": """
        ec2:CreateTags ec2:DeleteKeyPair ec2:DeleteTags ec2:DescribeKeyPairs ec2:ImportKeyPair""",
    "aws:iam/role:Role": """
        iam:CreateRole iam:DeleteRole iam:GetRole iam:GetRolePolicy iam:ListAttachedRolePolicies
        iam:ListInstanceProfilesForRole iam:ListRolePolicies iam:TagRole iam:UntagRole
        iam:UpdateAssumeRolePolicy""",
    "aws:iam/rolePolicy:RolePolicy": """
        iam:DeleteRolePolicy iam:GetRolePolicy iam:PutRolePolicy""",
    "aws:iam/instanceProfile:InstanceProfile": """
        iam:AddRoleToInstanceProfile iam:CreateInstanceProfile iam:DeleteInstanceProfile
        iam:GetInstanceProfile iam:GetRole iam:RemoveRoleFromInstanceProfile
        iam:TagInstanceProfile iam:UntagInstanceProfile""",
    "aws:scheduler/schedule:Schedule": """
        scheduler:CreateSchedule scheduler:DeleteSchedule scheduler:GetSchedule
        scheduler:UpdateSchedule""",
}
"""What pulumi-aws calls for each type that a stack declares.

Source: the Terraform provider that it carries, internal/service/ec2 (vpc_security_group.go,
ec2_key_pair.go), iam (role.go, role_policy.go, instance_profile.go) and scheduler (schedule.go)."""

NOT_CALLED_BY_NAME = frozenset(
    {
        "iam:PassRole",  # to the instance by RunInstances, to the schedule by CreateSchedule
        "iam:CreateServiceLinkedRole",  # by an account's first spot instance
        # By the aws command line: ssm start-session, ec2-instance-connect open-tunnel.
        "ec2-instance-connect:OpenTunnel",
        "ec2:DescribeInstanceConnectEndpoints",
        "ssm:StartSession",
        "ssm:TerminateSession",
        "ssmmessages:OpenDataChannel",
    }
)
SERVICES = {
    "ec2": "ec2",
    "iam": "iam",
    "pricing": "pricing",
    "scheduler": "scheduler",
    "service-quotas": "servicequotas",
    "ssm": "ssm",
}
"""By the names that boto3 has: those that policies have."""


@pytest.fixture
def rented(rent: Rent, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rented]:
    """A stack of someone who has the policy; this process is theirs too."""
    found = rent()
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in found.world.environment().items():
        monkeypatch.setenv(name, value)
    found.world.allow_only(user_policy())
    yield found
    refused = [
        str(call) for call in found.world.calls if call.code.startswith(("Access", "Unauth"))
    ]
    assert refused == []


def fab(rented: Rented, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / ".venv/bin/fab"), *arguments],
        cwd=ROOT,
        env={**os.environ, **rented.stack.env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def later(rented: Rented) -> None:
    """An hour more in every switch that AWS holds; the node's own is no matter of AWS."""
    token = rented.record().lease.token
    args: dict[str, Any] = {"rearm": never, "budget_usd": None}
    renew(rented.book, Aws(), token, 1, utc_now(), lambda _: None, **args)


def test_who_has_the_policy_rents_renews_changes_and_ends_and_nothing_is_left(
    rented: Rented,
) -> None:
    said = rented.stack.up(*RENTED_ALONE).must().text
    assert "not known" not in said
    assert {each for each in rented.in_state() if each.startswith("aws:")} == OF_PULUMI_AWS.keys()
    later(rented)
    rented.stack.config["rented"]["open_to"] = ["203.0.113.0/24"]
    rented.stack.write()
    rented.stack.up(*RENTED_ALONE).must()
    assert fab(rented, "lease.audit").returncode == 1
    rented.stack.destroy().must()
    audited = fab(rented, "lease.audit")
    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert rented.world.left() == ()


def test_who_has_the_policy_ends_a_lease_without_the_engine(rented: Rented) -> None:
    rented.stack.up(*RENTED_ALONE).must()
    ended = fab(rented, "lease.end")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert rented.world.left() == ()


def test_who_has_the_policy_is_told_of_every_way_to_buy(rented: Rented) -> None:
    rented.shop.quotas.clear()  # then AWS's defaults are asked for
    for reservation in (None, "cr-0123456789abcdef0"):
        wanted = wish("p5.48xlarge", "c5.large", markets=tuple(Market), reservation=reservation)
        assert quote(Aws(), wanted, need(), utc_now()).unasked == ()


def test_who_may_only_reap_ends_what_is_over_and_can_make_nothing(rented: Rented) -> None:
    rented.stack.up(*RENTED_ALONE).must()
    rented.world.allow_only(reap_policy())
    deadline = rented.record().deadline
    aws = Aws()
    done = reap(aws, regions(aws), deadline, pause=never)
    assert reaped_exit_code(done) == 0
    assert rented.world.left() == ()
    verbs = ("Cancel", "Delete", "Describe", "Detach", "Get", "List", "Release", "Remove", "Termin")
    assert all(action.partition(":")[2].startswith(verbs) for action in actions_of(reap_policy()))


def test_no_right_is_asked_for_that_nothing_needs_and_none_is_lacking() -> None:
    of_pulumi_aws = frozenset(" ".join(OF_PULUMI_AWS.values()).split())
    needed = called_by_us() | of_pulumi_aws | NOT_CALLED_BY_NAME
    assert actions_of(user_policy()) == needed
    assert actions_of(reap_policy()) < called_by_us()


def called_by_us() -> frozenset[str]:
    """Actions of AWS whose name in boto3 stands in our code."""
    words = set()
    for path in (ROOT / "freehold/rent").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                words.add(node.attr)
            elif isinstance(node, ast.Constant):
                words.add(node.value)
    session = botocore.session.get_session()
    return frozenset(
        f"{prefix}:{operation}"
        for service, prefix in SERVICES.items()
        for operation in session.get_service_model(service).operation_names
        if xform_name(operation) in words
    )
