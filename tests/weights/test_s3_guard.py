"""What keeps a bucket its owner's own, as AWS's calls say it and as other servers do not."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber
from moto.server import ThreadedMotoServer

from freehold.weights.s3_client import bucket_client
from freehold.weights.s3_guard import guard, shortcomings

BUCKET = "arn:aws:s3:::"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """AWS's own calls, as moto answers them."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def client(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    settings = {"AWS_ENDPOINT_URL_S3": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
    settings |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return bucket_client()


@pytest.fixture
def name(client: Any) -> str:
    """A new bucket, as AWS makes one but for the block of public access."""
    made = f"weights-{secrets.token_hex(4)}"
    client.create_bucket(Bucket=made)
    return made


def said(client: Any, name: str) -> str:
    return "\n".join(problem.message for problem in shortcomings(client, name))


def policy_of(client: Any, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(client.get_bucket_policy(Bucket=name)["Policy"])[
        "Statement"
    ]
    return found


def with_policy(client: Any, name: str, *statements: dict[str, Any]) -> None:
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    client.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))


def test_a_bucket_that_nobody_guarded_is_short_of_all(client: Any, name: str) -> None:
    problems = shortcomings(client, name)
    assert [problem.message for problem in problems] == [
        "public access is blocked: expected it, found none",
        "the policy: expected it, found none",
        "encryption by default: expected it, found none",
        "versioning: expected Enabled, found never switched on",
    ]
    assert {problem.place for problem in problems} == {f"s3://{name}"}


def test_a_guarded_bucket_is_short_of_nothing_and_guarding_again_changes_nothing(
    client: Any, name: str
) -> None:
    assert guard(client, name) == []
    assert shortcomings(client, name) == []
    before = policy_of(client, name)
    assert guard(client, name) == []
    assert policy_of(client, name) == before


def test_each_that_is_switched_off_again_is_noticed(client: Any, name: str) -> None:
    guard(client, name)
    client.put_public_access_block(
        Bucket=name, PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    )
    assert "found off: IgnorePublicAcls, BlockPublicPolicy, Restrict" in said(client, name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    assert "versioning: expected Enabled, found Suspended" in said(client, name)
    client.delete_bucket_policy(Bucket=name)
    assert "the policy: expected it, found none" in said(client, name)
    client.delete_bucket_encryption(Bucket=name)
    assert "encryption by default: expected it, found none" in said(client, name)
    guard(client, name)
    assert said(client, name) == ""


ALMOST: dict[str, dict[str, Any]] = {
    "another effect": {"Effect": "Allow"},
    "one user alone": {"Principal": {"AWS": "arn:aws:iam::123456789012:user/ada"}},
    "reading alone": {"Action": "s3:GetObject"},
    "the objects alone": {"Resource": "arn:aws:s3:::BUCKET/*"},
    "the other way round": {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
    "one address alone": {
        "Condition": {
            "Bool": {"aws:SecureTransport": "false"},
            "IpAddress": {"aws:SourceIp": "192.0.2.1"},
        }
    },
    "another condition": {"Condition": {"Bool": {"aws:ViaAWSService": "false"}}},
}
"""What is not quite a statement that denies everything without TLS."""


@pytest.mark.parametrize("what", ALMOST)
def test_a_policy_that_lets_some_requests_without_tls_through_is_noticed(
    client: Any, name: str, what: str
) -> None:
    guard(client, name)
    (good,) = policy_of(client, name)
    bad = json.loads(json.dumps(good | ALMOST[what]).replace("BUCKET", name))
    with_policy(client, name, bad)
    assert "expected a statement that denies every request without TLS" in said(client, name)


def test_another_spelling_of_the_same_denial_will_do(client: Any, name: str) -> None:
    guard(client, name)
    arn = f"arn:aws:s3:::{name}"
    denial = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "*"}
    denial |= {"Resource": [f"{arn}/*", arn]}
    denial |= {"Condition": {"Bool": {"aws:SecureTransport": ["false"]}}}
    with_policy(client, name, denial)
    assert said(client, name) == ""


@pytest.mark.parametrize("anyone", ["*", {"AWS": "*"}, {"AWS": ["123456789012", "*"]}])
def test_a_policy_that_lets_anyone_in_is_noticed_and_kept_for_its_owner_to_judge(
    client: Any, name: str, anyone: Any
) -> None:
    arn = f"arn:aws:s3:::{name}"
    let_in = {"Effect": "Allow", "Principal": anyone, "Action": "s3:GetObject"}
    with_policy(client, name, {**let_in, "Sid": "Open", "Resource": f"{arn}/*"})
    guard(client, name)
    assert "found a statement for anyone: Open" in said(client, name)
    assert [each["Sid"] for each in policy_of(client, name)] == ["Open", "FreeholdTlsOnly"]


def test_what_may_not_be_asked_is_not_taken_for_good(client: Any, name: str) -> None:
    guard(client, name)
    stub = Stubber(client)
    for call in ("public_access_block", "bucket_policy", "bucket_encryption", "bucket_versioning"):
        stub.add_client_error(f"get_{call}", "AccessDenied", "not for you", 403)
    with stub:
        problems = shortcomings(client, name)
    assert len(problems) == 4
    for problem in problems:
        assert "could not be checked, the server says AccessDenied: not for you" in problem.message


def test_a_server_that_knows_some_of_it_gets_what_it_knows(bucket: str) -> None:
    """versitygw has neither the block of public access nor encryption by default."""
    refused = guard(bucket_client(), bucket)
    told = said(bucket_client(), bucket)
    assert "versioning" not in told
    assert {"public access is blocked", "encryption by default"} <= {
        problem.message.partition(":")[0] for problem in refused
    }
    for line in told.splitlines():
        assert "could not be checked, the server says" in line
