"""The door before a node's server: who may come in, how often, and what they see of it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from freehold.spec.kinds import Address, LocalPath, Name, OneLine, expected
from freehold.spec.typed import Typed, in_words

OWNER = "owner"
"""The name that the stack's own key has, in the log and for its limits."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _sha256(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise expected("the SHA-256 of a key, 64 digits of 0-9a-f", "fab key.new makes both")
    return text


def _key_name(text: str) -> str:
    if text == OWNER:
        raise expected(f"another name: {OWNER} is the stack's own key, freehold:api_key")
    return text


class DoorKey(Typed):
    """One key of the API; whoever holds it is known by its name."""

    name: Annotated[
        Name,
        AfterValidator(_key_name),
        Field(description="Whose key it is, as the log says it."),
    ]
    sha256: Annotated[
        str,
        AfterValidator(_sha256),
        Field(description="SHA-256 of the key, in hex; `fab key.new` prints both, and keeps none."),
    ]
    per_minute: int = Field(
        60, ge=1, le=1_000_000, description="Requests that it may send in a minute."
    )
    at_once: int = Field(
        4, ge=1, le=10_000, description="Requests of its own that may be under way or wait."
    )


class Door(Typed):
    """HAProxy before the server, which then is reached through it alone."""

    listen: Address = Field("0.0.0.0", description="Address that the door binds on the node.")  # noqa: S104
    port: int = Field(8443, ge=1, le=65535, description="TCP port that the door binds.")
    hostnames: tuple[OneLine, ...] = Field(
        (),
        description="Further names and addresses that clients call the node by; its certificate "
        "holds for them too.",
        json_schema_extra=in_words("its name and address"),
    )
    certificate: LocalPath | None = Field(
        None,
        description="A certificate of your own: a PEM file here, with its chain and its key.",
        json_schema_extra=in_words("one of the stack's own authority"),
    )
    keys: tuple[DoorKey, ...] = Field(
        (),
        description="Keys besides the stack's own.",
        json_schema_extra=in_words("freehold:api_key alone"),
    )
    queue: int = Field(
        64, ge=0, le=100_000, description="Requests that wait while all slots are taken."
    )
    queue_wait_s: int = Field(
        60, ge=1, le=86_400, description="Seconds that a request waits before it is refused."
    )
    answer_timeout_s: int = Field(
        1800,
        ge=1,
        le=86_400,
        description="Seconds that the server may say nothing for: a long prompt takes minutes.",
    )
    body_limit_kib: int = Field(
        1024, ge=1, le=1_048_576, description="Size of the largest request, in KiB."
    )
    connections_per_address: int = Field(
        200, ge=1, le=4000, description="Connections that one address may hold open."
    )
