"""What keeps a bucket its owner's own: asked of the bucket, never assumed, and set when wanted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from freehold.errors import Problem

_BLOCKED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_ENCRYPTED = {"AES256", "aws:kms", "aws:kms:dsse"}
_SID = "FreeholdTlsOnly"
_UNCHECKED = "could not be checked"
HINT = "fab weights.bucket --guard sets it"


@dataclass(frozen=True)
class _Rule:
    """`look` asks and says what is short; by the code `unset` a server says that nothing is set."""

    what: str
    look: Callable[[Any, str], Iterator[str]]
    unset: str
    set: Callable[[Any, str], None]


def shortcomings(client: Any, bucket: str) -> list[Problem]:
    """Everything that is not as it should be, and everything that could not be checked."""
    return [
        Problem(f"s3://{bucket}", f"{rule.what}: {said}", None if _UNCHECKED in said else HINT)
        for rule in _RULES
        for said in _looked(client, bucket, rule)
    ]


def guard(client: Any, bucket: str) -> list[Problem]:
    """Set all that is short of a rule; what the server would not have is returned.

    Statements of a policy that are there stay, also those that let anyone in.
    """
    refused = []
    for rule in _RULES:
        if list(_looked(client, bucket, rule)):
            try:
                rule.set(client, bucket)
            except (ClientError, BotoCoreError) as error:
                message = f"{rule.what}: could not be set, the server says {_said(error)}"
                refused.append(Problem(f"s3://{bucket}", message))
    return refused


def _looked(client: Any, bucket: str, rule: _Rule) -> Iterator[str]:
    try:
        yield from rule.look(client, bucket)
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error.response["Error"].get("Code") == rule.unset:
            yield "expected it, found none"
        else:
            yield f"{_UNCHECKED}, the server says {_said(error)}"


def _look_at_access(client: Any, bucket: str) -> Iterator[str]:
    found = client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    off = [name for name in _BLOCKED if not found.get(name)]
    if off:
        yield f"expected {', '.join(_BLOCKED)}, found off: {', '.join(off)}"


def _set_access(client: Any, bucket: str) -> None:
    client.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(_BLOCKED, True)
    )


def _look_at_policy(client: Any, bucket: str) -> Iterator[str]:
    statements = _statements(client, bucket)
    wanted = _tls_only(client, bucket)
    if not any(_is_as_strict(each, wanted) for each in statements):
        yield "expected a statement that denies every request without TLS, found none"
    for each in statements:
        if each.get("Effect") == "Allow" and _is_anyone(each):
            name = each.get("Sid") or json.dumps(each, sort_keys=True)[:120]
            yield f"expected nobody else to be let in, found a statement for anyone: {name}"


def _set_policy(client: Any, bucket: str) -> None:
    try:
        statements = _statements(client, bucket)
    except ClientError as error:
        if error.response["Error"].get("Code") != "NoSuchBucketPolicy":
            raise
        statements = []
    kept = [each for each in statements if each.get("Sid") != _SID]
    policy = {"Version": "2012-10-17", "Statement": [*kept, _tls_only(client, bucket)]}
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def _look_at_encryption(client: Any, bucket: str) -> Iterator[str]:
    answer = client.get_bucket_encryption(Bucket=bucket)
    rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
    found = {
        rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules
    }
    if not found & _ENCRYPTED:
        yield f"expected one of {', '.join(sorted(_ENCRYPTED))}, found {found or 'none'}"


def _set_encryption(client: Any, bucket: str) -> None:
    by_default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    client.put_bucket_encryption(
        Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [by_default]}
    )


def _look_at_versioning(client: Any, bucket: str) -> Iterator[str]:
    status = client.get_bucket_versioning(Bucket=bucket).get("Status", "never switched on")
    if status != "Enabled":
        yield f"expected Enabled, found {status}"


def _set_versioning(client: Any, bucket: str) -> None:
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def _statements(client: Any, bucket: str) -> list[dict[str, Any]]:
    policy = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])
    found = policy.get("Statement", [])
    return found if isinstance(found, list) else [found]


def _tls_only(client: Any, bucket: str) -> dict[str, Any]:
    """S3 User Guide, "Examples of bucket policies: managing access based on HTTP or HTTPS"."""
    arn = f"arn:{client.meta.partition}:s3:::{bucket}"
    return {
        "Sid": _SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _is_as_strict(statement: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether it denies to anyone, without TLS, all that `wanted` does: no more conditions."""
    condition = statement.get("Condition", {})
    value = condition.get("Bool", {}).get("aws:SecureTransport") if len(condition) == 1 else None
    return (
        statement.get("Effect") == "Deny"
        and _is_anyone(statement)
        and bool({"s3:*", "*"} & _all(statement.get("Action", ())))
        and _all(wanted["Resource"]) <= _all(statement.get("Resource", ()))
        and condition.get("Bool", {}).keys() == {"aws:SecureTransport"}
        and _all(value) in ({"false"}, {False})
    )


def _is_anyone(statement: dict[str, Any]) -> bool:
    principal = statement.get("Principal")
    if isinstance(principal, dict):
        return any("*" in _all(value) for value in principal.values())
    return principal == "*"


def _all(value: Any) -> set[Any]:
    return set(value) if isinstance(value, list | tuple) else {value}


def _said(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return f"{error.response['Error'].get('Code')}: {error.response['Error'].get('Message')}"
    return str(error)


_RULES = (
    _Rule(
        "public access is blocked",
        _look_at_access,
        "NoSuchPublicAccessBlockConfiguration",
        _set_access,
    ),
    _Rule("the policy", _look_at_policy, "NoSuchBucketPolicy", _set_policy),
    _Rule(
        "encryption by default",
        _look_at_encryption,
        "ServerSideEncryptionConfigurationNotFoundError",
        _set_encryption,
    ),
    _Rule("versioning", _look_at_versioning, "", _set_versioning),
)
