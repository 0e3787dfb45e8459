"""What the provider's types have in common: names, tags, and AWS's own `not found`."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

Inputs = dict[str, Any]
Client = Callable[[str, str | None], Any]


@dataclass(frozen=True)
class Name:
    """The property that the engine names by itself where the program gives none.

    `limit` and `prefix_limit` are the provider's, in characters (source: the documentation of
    each resource, and AWS's own limits).
    """

    property: str
    limit: int
    prefix_limit: int

    @property
    def prefix(self) -> str:
        return f"{self.property}Prefix"


class Kind(Protocol):
    """A resource type. Its inputs are the program's, with defaults and names in them."""

    token: str
    name: Name | None
    defaults: Inputs
    replaced_by: frozenset[str]
    documents: frozenset[str]  # properties that are JSON, equal where their values are
    is_regional: bool

    def create(self, client: Client, inputs: Inputs) -> str:
        """Its id."""

    def read(self, client: Client, id: str, inputs: Inputs) -> tuple[Inputs, Inputs] | None:
        """Its outputs, and inputs that would make it as it is; None where it is gone."""

    def update(self, client: Client, id: str, old: Inputs, new: Inputs) -> None: ...

    def delete(self, client: Client, id: str, inputs: Inputs) -> None:
        """What is gone is no error."""


def code_of(error: ClientError) -> str:
    """AWS's word for it."""
    return str(error.response["Error"]["Code"])


def own_name(inputs: Inputs, name: Name) -> str:
    """The name given, or the prefix and what makes it unique (26 characters, as Terraform's)."""
    if inputs.get(name.property):
        return str(inputs[name.property])
    return f"{inputs[name.prefix]}{time.strftime('%Y%m%d%H%M%S')}{secrets.token_hex(6)}"


def tag_list(inputs: Mapping[str, Any]) -> list[dict[str, str]]:
    """Tags as EC2 and IAM take them."""
    tags = inputs.get("tags") or {}
    return [{"Key": k, "Value": v} for k, v in sorted(tags.items()) if not k.startswith("__")]


def tags_of(listed: list[dict[str, str]] | None) -> dict[str, str]:
    """Tags as the engine has them."""
    return {tag["Key"]: tag["Value"] for tag in listed or []}


def with_tags(inputs: Inputs, live: dict[str, str]) -> Inputs:
    """Inputs with the tags that there are; the property stays away where there are none."""
    return {**inputs, "tags": live} if live or "tags" in inputs else dict(inputs)


def same_document(one: Any, other: Any) -> bool:
    """Whether two JSON texts say the same."""
    try:
        return bool(_loaded(one) == _loaded(other))
    except (TypeError, ValueError):
        return bool(one == other)


def _loaded(document: Any) -> Any:
    return document if isinstance(document, dict) else json.loads(document)
