"""How SSH gets to a rented instance: its address, its user, and the keys that prove it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reach:
    """What is known of an instance once it is up; none of it is secret.

    `host_keys` are public keys as in known_hosts, without the host: "ssh-ed25519 AAAA...". Raises
    ValueError where there is none, as then nothing would tell the instance from another machine.
    """

    instance_id: str
    region: str
    address: str
    user: str
    host_keys: tuple[str, ...]

    def __post_init__(self) -> None:
        words = (self.instance_id, self.region, self.address, self.user, *self.host_keys)
        if not all(type(word) is str and word for word in words) or not self.host_keys:
            raise ValueError(f"expected words, and at least one host key, got {words}")

    def to_dict(self) -> dict[str, Any]:
        """As it lies in the ledger and in the stack's state."""
        return {
            "instance_id": self.instance_id,
            "region": self.region,
            "address": self.address,
            "user": self.user,
            "host_keys": list(self.host_keys),
        }

    @classmethod
    def of_dict(cls, known: Mapping[str, Any]) -> Reach:
        """What `to_dict` made. Raises ValueError for anything else."""
        keys = known.get("host_keys")
        if not isinstance(keys, list | tuple):
            raise ValueError(f"host_keys: expected a list, got {keys!r}")
        return cls(
            known.get("instance_id", ""),
            known.get("region", ""),
            known.get("address", ""),
            known.get("user", ""),
            tuple(keys),
        )
