"""What one stack wants, typed and frozen: the schema of the `freehold:` keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from freehold.spec.flags import FlagName, FlagValue
from freehold.spec.kinds import (
    Address,
    Destination,
    LocalPath,
    Name,
    OneLine,
    TopLevelInteger,
    expected,
)
from freehold.spec.secret import Secret

KEY_LENGTH_MIN = 16


class Typed(BaseModel):
    """Frozen; no unknown keys; nothing is coerced ("8080" is not an integer)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _in_words(default: str) -> dict[str, Any]:
    """What a default that is not a plain value is called in the documentation."""
    return {"default_in_words": default}


class Model(Typed):
    """Which weights are served, and under which name."""

    weights: Annotated[Name, Field(description="Name of a weights set in the store.")]
    alias: OneLine = Field(
        default_factory=lambda fields: str(fields["weights"]),
        description="Name that clients of the API ask for.",
        json_schema_extra=_in_words("the weights' name"),
    )


class Server(Typed):
    """How llama-server runs on a node."""

    listen: Address = Field(
        "127.0.0.1",
        description="Address that the server binds on the node; 0.0.0.0 opens it to the network. "
        "The API key is asked for in either case.",
    )
    port: int = Field(8080, ge=1, le=65535, description="TCP port that the server binds.")
    context_tokens: int = Field(
        4096, ge=1, le=16_777_216, description="Context of each slot, in tokens."
    )
    slots: int = Field(1, ge=1, le=1024, description="Requests that are answered at the same time.")
    threads: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="CPU threads of the engine.",
        json_schema_extra=_in_words("the node's physical cores"),
    )
    ready_timeout_s: int = Field(
        1800,
        ge=1,
        le=86_400,
        description="Seconds until the first token must have come; a load takes minutes.",
    )
    flags: Mapping[FlagName, FlagValue] = Field(
        default_factory=dict,
        description="Further flags of the engine, in this order; true is a flag without a value.",
        json_schema_extra=_in_words("none"),
    )

    def overridden_by(self, other: Server) -> Server:
        """This server with the keys that `other` sets itself; flags are merged flag by flag."""
        update = {key: getattr(other, key) for key in other.model_fields_set}
        if "flags" in update:
            update["flags"] = {**self.flags, **other.flags}
        return self.model_copy(update=update)


class Ssh(Typed):
    """How nodes are reached: by the user's own OpenSSH configuration."""

    config: LocalPath | None = Field(
        None,
        description="An ssh_config file that is read before ~/.ssh/config.",
        json_schema_extra=_in_words("none"),
    )
    connect_timeout_s: int = Field(
        10, ge=1, le=600, description="Seconds until a connection must stand."
    )


class Node(Typed):
    """One box; inside a Spec its `server` is the complete one."""

    name: Annotated[Name, Field(description="Name of the node and of its Pulumi resources.")]
    ssh: Destination = Field(
        default_factory=lambda fields: str(fields["name"]),
        description="SSH destination: an alias of ssh_config, host, user@host or "
        "ssh://user@host:port.",
        json_schema_extra=_in_words("the node's name"),
    )
    server: Server = Field(
        default_factory=Server,
        description="Keys of freehold:server that differ on this node; flags merge flag by flag.",
        json_schema_extra=_in_words("freehold:server"),
    )


class Spec(Typed):
    """All that one stack declares."""

    store: LocalPath = Field(
        description="Folder with your weights and engine builds; a relative path starts at the "
        "checkout."
    )
    model: Model = Field(description="The model that is served.")
    engine: Name = Field(description="Name of an engine build in the store.")
    server: Server = Field(
        default_factory=Server,
        description="How the server runs on every node.",
        json_schema_extra=_in_words("the defaults below"),
    )
    api_key: Secret | None = Field(
        None,
        description="Key that clients of the API send, a secret of at least "
        f"{KEY_LENGTH_MIN} characters.",
        json_schema_extra=_in_words("generated, kept encrypted in the stack's state"),
    )
    ssh: Ssh = Field(
        default_factory=Ssh,
        description="How nodes are reached, besides your OpenSSH configuration.",
        json_schema_extra=_in_words("the defaults below"),
    )
    parallel_nodes: TopLevelInteger = Field(
        4, ge=1, le=1024, description="Nodes that are changed at the same time."
    )
    nodes: tuple[Node, ...] = Field(description="The boxes that serve the model.")

    @field_validator("nodes", mode="after")
    @classmethod
    def _complete_servers(cls, nodes: tuple[Node, ...], info: ValidationInfo) -> tuple[Node, ...]:
        if not nodes:
            raise expected("at least one node")
        base = info.data.get("server", Server())
        return tuple(
            node.model_copy(update={"server": base.overridden_by(node.server)}) for node in nodes
        )

    @field_validator("api_key", mode="after")
    @classmethod
    def _usable_key(cls, key: Secret | None) -> Secret | None:
        if key is None or not key.is_decrypted:
            return key
        value = key.reveal()
        # One key a line in llama-server's file, and the value of an HTTP header.
        if len(value) < KEY_LENGTH_MIN or not all("!" <= character <= "~" for character in value):
            raise expected(
                f"a key of at least {KEY_LENGTH_MIN} printable ASCII characters, no spaces"
            )
        return key

    def node(self, name: str) -> Node:
        """The node of that name; KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)
