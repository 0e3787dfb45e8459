"""What a stack rents: which machines, where, for how long, and for how much money."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from freehold.spec.choices import Number, one_of
from freehold.spec.kinds import LocalPath, Name, OneLine, expected
from freehold.spec.server import Server
from freehold.spec.typed import Typed, in_words

Market = Literal["on-demand", "spot", "capacity-block"]
Access = Literal["direct", "ssm", "instance-connect"]

IMAGE = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
"""SSM parameter of AWS's own image with the open NVIDIA driver (source: AWS's DLAMI notes)."""

_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_ZONE = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9][a-z]")
_RESERVATION = re.compile(r"cr-[0-9a-f]{8,17}")
_IMAGE = re.compile(r"ami-[0-9a-f]{8,17}|/[A-Za-z0-9_./-]+")


def _like(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def validate(text: str) -> str:
        if not pattern.fullmatch(text):
            raise expected(what)
        return text

    return AfterValidator(validate)


def _some(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    if not entries:
        raise expected("at least one")
    return entries


def _open_to(value: Any) -> Any:
    if value == "caller":
        return value
    if value == "nobody":
        return ()
    if not isinstance(value, tuple) or not all(isinstance(entry, str) for entry in value):
        raise expected("caller, nobody or a list of networks", '["198.51.100.7/32"]')
    found = []
    for entry in value:
        try:
            found.append(str(ipaddress.ip_network(entry)))
        except ValueError:
            raise expected(f'networks such as 198.51.100.7/32, not "{entry}"') from None
    return tuple(found)


InstanceType = Annotated[str, _like(_TYPE, "an instance type such as p5.48xlarge")]
Region = Annotated[str, _like(_REGION, "a region such as us-east-1")]
Zone = Annotated[str, _like(_ZONE, "a zone such as us-east-1a")]
MarketWord = Annotated[Market, one_of(*get_args(Market))]
AccessWord = Annotated[Access, one_of(*get_args(Access))]


class Rented(Typed):
    """One instance on AWS that is a node of the stack while its lease runs."""

    name: Name = Field("rented", description="Name of the node and of its Pulumi resources.")
    regions: Annotated[tuple[Region, ...], AfterValidator(_some)] = Field(
        description="Regions that may be tried, in this order."
    )
    zones: tuple[Zone, ...] = Field(
        (),
        description="Zones that may be tried, in this order.",
        json_schema_extra=in_words("all zones of the regions"),
    )
    types: tuple[InstanceType, ...] = Field(
        (),
        description="Instance types that may be tried, in this order.",
        json_schema_extra=in_words("those that the model fits, the cheapest for the task first"),
    )
    markets: Annotated[tuple[MarketWord, ...], AfterValidator(_some)] = Field(
        ("on-demand",),
        description="How it may be bought, in the order of trial: `spot`, `on-demand` or "
        "`capacity-block`.",
        json_schema_extra=in_words("[on-demand]"),
    )
    reservation: Annotated[str, _like(_RESERVATION, "a capacity reservation, cr-...")] | None = (
        Field(
            None,
            description="The capacity block that was bought, for the market capacity-block.",
            json_schema_extra=in_words("none"),
        )
    )
    hours: Number = Field(
        gt=0,
        le=24 * 182,
        description="Hours until it is ended, whatever happens to this machine.",
    )
    budget_usd: Number | None = Field(
        None,
        gt=0,
        le=10_000_000,
        description="Most that all leases of this stack together may cost, in US dollars.",
        json_schema_extra=in_words("none"),
    )
    idle_minutes: int | None = Field(
        None,
        ge=1,
        le=7 * 24 * 60,
        description="Minutes without a request after which it ends itself; a running task is none.",
        json_schema_extra=in_words("it waits for its deadline"),
    )
    ssh_key: LocalPath = Field(
        description="Your SSH public key; the private one lies beside it, or in your agent."
    )
    access: AccessWord = Field(
        "direct",
        description="How SSH gets there: `direct` to its public address, through Session Manager "
        "(`ssm`) or through an EC2 Instance Connect endpoint (`instance-connect`); both of these "
        "need the aws command line, and no open port.",
    )
    open_to: Annotated[Literal["caller"] | tuple[str, ...], BeforeValidator(_open_to)] = Field(
        "caller",
        description="Who reaches its SSH port: `caller` is this machine's public address, or a "
        "list of networks, or `nobody`.",
    )
    image: Annotated[str, _like(_IMAGE, "an image, ami-..., or the name of an SSM parameter")] = (
        Field(
            IMAGE,
            description="Image that it starts from: `ami-...`, or the SSM parameter that names it.",
            json_schema_extra=in_words("AWS's Ubuntu 24.04 with the open NVIDIA driver"),
        )
    )
    user: OneLine = Field("ubuntu", description="The image's own user, who may use sudo.")
    root_gib: int = Field(
        100, ge=8, le=16_384, description="Size of its encrypted root disk, in GiB."
    )
    server: Server = Field(
        default_factory=Server,
        description="Keys of freehold:server that differ on this node; flags merge flag by flag.",
        json_schema_extra=in_words("freehold:server"),
    )
