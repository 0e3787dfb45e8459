"""What is rented on AWS for a node: the lease, what surrounds the instance, and the instance."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from freehold.errors import FreeholdError
from freehold.infra.layout_inputs import SIZED
from freehold.infra.resources import Instance, Lease, Provider, Where
from freehold.infra.surroundings import Around, surround
from freehold.rent.caller import caller_network
from freehold.rent.wish import Wish
from freehold.spec.economy import Policy
from freehold.spec.model import Node
from freehold.spec.rented import Rented

VPC_NETWORK = "172.31.0.0/16"
"""Of every default VPC. Source: Amazon VPC User Guide, "Default VPC components"."""


@dataclass(frozen=True)
class RentedArgs:
    """`node` is the one that the instance becomes; `stack` is "project/stack", as the ledger has
    it; `weights` names the set in `store` that it is chosen for."""

    rented: Rented
    node: Node
    stack: str
    store: str
    weights: str
    policy: Policy


class RentedComponent(pulumi.ComponentResource):
    """`where` is what each resource on the instance begins with."""

    lease: Lease
    instance: Instance
    where: Where

    def __init__(self, args: RentedArgs, provider: Provider) -> None:
        rented, name = args.rented, args.node.name
        super().__init__("freehold:index:Rented", name, {}, pulumi.ResourceOptions())
        base = pulumi.ResourceOptions(parent=self, provider=provider)
        public_key = _public_key(rented)
        self.lease = Lease(f"{name}-lease", _lease_props(args), base)
        around = surround(
            Around(
                name=name,
                parent=self,
                regions=rented.regions,
                lease=self.lease,
                public_key=public_key,
                open_to=_open_to(rented),
                access=rented.access,
            )
        )
        props: dict[str, Any] = {
            "node": name,
            "lease": self.lease.token,
            "offers": self.lease.offers,
            "allowed": {
                "regions": list(rented.regions),
                "zones": list(rented.zones),
                "types": list(rented.types),
                "markets": list(rented.markets),
            },
            "groups": around.groups,
            "keys": around.keys,
            "profile": around.profile,
            "schedules": around.schedules,
            "image": rented.image,
            "root_gib": rented.root_gib,
            "user": rented.user,
            "public_key": public_key,
            **_reached_by(rented),
            **_known(idle_minutes=rented.idle_minutes, budget_usd=rented.budget_usd),
        }
        after = pulumi.ResourceOptions(depends_on=around.resources)
        self.instance = Instance(name, props, pulumi.ResourceOptions.merge(base, after))
        self.where = {"node": name, "ssh": self.instance.ssh, "rented": self.instance.rented}
        self.register_outputs({"instance": self.instance.instance_id})


def _lease_props(args: RentedArgs) -> dict[str, Any]:
    rented = args.rented
    return {
        "node": args.node.name,
        "stack": args.stack,
        "wish": _known(**Wish.of(rented).to_dict()),
        "store": args.store,
        "weights": args.weights,
        "server": _known(**args.node.server.model_dump(mode="json", include=SIZED)),
        "policy": args.policy.model_dump(mode="json", exclude_none=True),
        **_reached_by(rented),
    }


def _reached_by(rented: Rented) -> dict[str, str]:
    return {"access": rented.access, "ssh_key": str(rented.ssh_key)}


def _public_key(rented: Rented) -> str:
    """The first line's type and key: its comment may name a person."""
    place = f"freehold:rented.ssh_key: {rented.ssh_key}"
    try:
        fields = rented.ssh_key.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise FreeholdError.of(place, f"expected an SSH public key, got: {error}") from None
    if len(fields) < 2 or not fields[0].startswith(("ssh-", "ecdsa-")):
        raise FreeholdError.of(
            place, "expected an SSH public key, got another file", "the file that ends in .pub"
        )
    return " ".join(fields[:2])


def _open_to(rented: Rented) -> tuple[str, ...]:
    """The networks that reach its SSH port. Raises FreeholdError where they are not known."""
    if rented.access != "direct" and shutil.which("aws") is None:
        raise FreeholdError.of(
            "freehold:rented.access",
            f"expected the aws command line for {rented.access}, found none on PATH",
        )
    if rented.access == "ssm":
        return ()
    if rented.open_to != "caller":
        return tuple(rented.open_to)
    if rented.access == "instance-connect":
        return (VPC_NETWORK,)
    return (caller_network(),)


def _known(**values: Any) -> Mapping[str, Any]:
    """Without what is None, which a state cannot keep apart from nothing."""
    return {name: value for name, value in values.items() if value is not None}
