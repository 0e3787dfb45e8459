"""What one stack wants, typed and frozen: the schema of the `freehold:` keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator

from freehold.spec.choices import ThinkingWord, WipeWord
from freehold.spec.door import Door
from freehold.spec.driver import Driver
from freehold.spec.economy import Policy, Prices
from freehold.spec.guard import Guard
from freehold.spec.hardware import KnownHardware
from freehold.spec.kinds import (
    Destination,
    LocalPath,
    Name,
    OneLine,
    StoreLocation,
    TopLevelInteger,
    expected,
)
from freehold.spec.rented import Rented
from freehold.spec.secret import Secret
from freehold.spec.server import Server
from freehold.spec.telemetry import Telemetry
from freehold.spec.transfer import RateLimit, Transfer
from freehold.spec.tuning import Tuning
from freehold.spec.typed import Typed, in_words

__all__ = [
    "Door",
    "Driver",
    "Guard",
    "KnownHardware",
    "Model",
    "Node",
    "Policy",
    "Prices",
    "RateLimit",
    "Rented",
    "Server",
    "Spec",
    "Ssh",
    "Telemetry",
    "Transfer",
    "Tuning",
]

KEY_LENGTH_MIN = 16


class Model(Typed):
    """Which weights are served, and under which name."""

    weights: Annotated[Name, Field(description="Name of a weights set in the store.")]
    alias: OneLine = Field(
        default_factory=lambda fields: str(fields["weights"]),
        description="Name that clients of the API ask for.",
        json_schema_extra=in_words("the weights' name"),
    )
    thinking: ThinkingWord | None = Field(
        None,
        description="How long it thinks before it answers, where a request does not say: `off`, "
        "`high` or `max`.",
        json_schema_extra=in_words("the model's own"),
    )


class Ssh(Typed):
    """How nodes are reached: by the user's own OpenSSH configuration."""

    config: LocalPath | None = Field(
        None,
        description="An ssh_config file that is read before ~/.ssh/config.",
        json_schema_extra=in_words("none"),
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
        json_schema_extra=in_words("the node's name"),
    )
    server: Server = Field(
        default_factory=Server,
        description="Keys of freehold:server that differ on this node; flags merge flag by flag.",
        json_schema_extra=in_words("freehold:server"),
    )
    hardware: KnownHardware = Field(
        default_factory=KnownHardware,
        description="What is known of its hardware by hand; it overrides what is read.",
        json_schema_extra=in_words("the defaults below"),
    )


class Spec(Typed):
    """All that one stack declares."""

    store: StoreLocation = Field(
        description="Where your weights and engine builds are: a folder (a relative path starts "
        "at the checkout), `ssh://HOST/FOLDER` or `s3://BUCKET/PREFIX`."
    )
    model: Model = Field(description="The model that is served.")
    engine: Name = Field(description="Name of an engine build in the store.")
    server: Server = Field(
        default_factory=Server,
        description="How the server runs on every node.",
        json_schema_extra=in_words("the defaults below"),
    )
    door: Door | None = Field(
        None,
        description="What stands before the server of every node: TLS, keys with names, limits, a "
        "queue.",
        json_schema_extra=in_words("none: the server itself listens, with one key"),
    )
    policy: Policy = Field(
        default_factory=Policy,
        description="Limits that turn a bad plan into an error before anything is touched.",
        json_schema_extra=in_words("the defaults below"),
    )
    prices: Prices = Field(
        default_factory=Prices,
        description="Prices that costs are counted with.",
        json_schema_extra=in_words("the defaults below"),
    )
    api_key: Secret | None = Field(
        None,
        description="Key that clients of the API send, a secret of at least "
        f"{KEY_LENGTH_MIN} characters.",
        json_schema_extra=in_words("generated, kept encrypted in the stack's state"),
    )
    ssh: Ssh = Field(
        default_factory=Ssh,
        description="How nodes are reached, besides your OpenSSH configuration.",
        json_schema_extra=in_words("the defaults below"),
    )
    owner: LocalPath | None = Field(
        None,
        description="SSH public key (ed25519) of the weights' owner, who signs every set and each "
        "line of the ledger; a set that it did not sign is refused.",
        json_schema_extra=in_words("nothing is signed"),
    )
    transfer: Transfer = Field(
        default_factory=Transfer,
        description="How weights go from the store to the nodes.",
        json_schema_extra=in_words("the defaults below"),
    )
    tuning: Tuning | None = Field(
        None,
        description="How the machines are tuned, at each boot; `{}` takes the defaults. A switch "
        "that a machine has not is left alone.",
        json_schema_extra=in_words("they stay as they are"),
    )
    guard: Guard | None = Field(
        None,
        description="What the machines do about heat and a failing supply; `{}` takes the "
        "defaults.",
        json_schema_extra=in_words("they are not guarded"),
    )
    telemetry: Telemetry | None = Field(
        None,
        description="What the nodes tell Prometheus, through a node_exporter; `{}` takes the "
        "defaults.",
        json_schema_extra=in_words("nothing is written"),
    )
    wipe: WipeWord = Field(
        "auto",
        description="How weights leave a node: `overwrite` writes zeros over them, `remove` leaves "
        "their blocks as they are; `auto` discards the blocks where the disk then shows them no "
        "more, and else overwrites them.",
    )
    driver: Driver | None = Field(
        None,
        description="The NVIDIA driver that every node shall have.",
        json_schema_extra=in_words("it is yours to install"),
    )
    parallel_nodes: TopLevelInteger = Field(
        4, ge=1, le=1024, description="Nodes that are changed at the same time."
    )
    rented: Rented | None = Field(
        None,
        description="What is rented to serve the model, in place of boxes that you own.",
        json_schema_extra=in_words("nothing is rented"),
    )
    nodes: tuple[Node, ...] = Field(
        (),
        description="The boxes that serve the model, unless one is rented.",
        json_schema_extra=in_words("required, or rented"),
    )

    @field_validator("nodes", mode="after")
    @classmethod
    def _complete_servers(cls, nodes: tuple[Node, ...], info: ValidationInfo) -> tuple[Node, ...]:
        base = info.data.get("server", Server())
        return tuple(
            node.model_copy(update={"server": base.overridden_by(node.server)}) for node in nodes
        )

    @model_validator(mode="after")
    def _rented_node(self) -> Spec:
        """A rented instance is a node like any other, once it is there."""
        if self.rented is None or self.nodes:
            return self
        node = Node(name=self.rented.name, server=self.server.overridden_by(self.rented.server))
        return self.model_copy(update={"nodes": (node,)})

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
