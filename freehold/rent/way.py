"""The way to a rented instance: destination, pinned host keys, a tunnel where it is closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.hosts.ssh_config import Pinned
from freehold.rent.reach import Reach

_PROXIES = {
    "ssm": "aws ssm start-session --region {region} --target {instance_id} "
    "--document-name AWS-StartSSHSession --parameters portNumber=%p",
    "instance-connect": "aws ec2-instance-connect open-tunnel --region {region} "
    "--instance-id {instance_id} --remote-port %p",
}
"""By `freehold:rented.access`. Sources: "Allow and control permissions for SSH connections" of AWS
Systems Manager, and the AWS CLI's reference of ec2-instance-connect open-tunnel."""


@dataclass(frozen=True)
class Way:
    """`destination` is OpenSSH's. `rented` is what a resource's properties have of it, of which
    `pinned_of` makes the settings of the connection."""

    destination: str
    rented: Mapping[str, Any]


def way_to(reach: Reach, access: str, ssh_key: Path) -> Way:
    """By `freehold:rented.access` and `.ssh_key`: the private key lies beside the public one, or
    in an agent that is asked by the public one's name."""
    rented: dict[str, Any] = {
        "region": reach.region,
        "instance_id": reach.instance_id,
        "host_keys": list(reach.host_keys),
        "identity": str(ssh_key).removesuffix(".pub"),
    }
    proxy = _PROXIES.get(access)
    if proxy is not None:
        rented["proxy_command"] = proxy.format(region=reach.region, instance_id=reach.instance_id)
    return Way(f"{reach.user}@{reach.address}", rented)


def pinned_of(rented: Mapping[str, Any]) -> Pinned:
    """Of Way.rented."""
    return Pinned(
        rented["instance_id"],
        tuple(rented["host_keys"]),
        Path(rented["identity"]),
        rented.get("proxy_command"),
    )
