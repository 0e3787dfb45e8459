"""A lab's own network: a bridge with a /24 that nothing else on this machine uses."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import subprocess
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.lab.root import run_as_root

SYS_NET = Path("/sys/class/net")


def short_id(folder: Path) -> str:
    """What names a lab's interfaces: six hexadecimal digits, as 15 characters are the limit."""
    return hashlib.sha256(str(folder).encode()).hexdigest()[:6]


def free_subnet(seed: str) -> ipaddress.IPv4Network:
    """A /24 of 10.0.0.0/8 that overlaps no address or route, begun at a place given by `seed`."""
    taken = _networks_in_use()
    start = int(seed, 16) % 65536
    for step in range(65536):
        number = (start + step) % 65536
        subnet = ipaddress.IPv4Network((0x0A000000 + (number << 8), 24))
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    raise FreeholdError.of("lab", "no free /24 in 10.0.0.0/8: every one overlaps a route")


def ensure_bridge(name: str, address: str) -> None:
    """Make the bridge, with this address in its /24, and set it up."""
    if not (SYS_NET / name).exists():
        # Its hardware address is set, as it would otherwise change with each box that joins and
        # leave wrong entries in the boxes' neighbour tables.
        octets = [int(part) for part in address.split(".")]
        mac = ":".join(f"{octet:02x}" for octet in (0x02, 0xFE, *octets))
        run_as_root("lab", "ip", "link", "add", name, "address", mac, "type", "bridge")
    run_as_root("lab", "ip", "address", "replace", f"{address}/24", "dev", name)
    run_as_root("lab", "ip", "link", "set", name, "up")
    # Ask for a booting box's hardware address every 0.1 s: the usual second would hide how fast
    # it answers.
    run_as_root("lab", "ip", "ntable", "change", "name", "arp_cache", "dev", name, "retrans", "100")


def _networks_in_use() -> list[ipaddress.IPv4Network]:
    said = subprocess.run(
        ["ip", "-4", "-json", "route", "show", "table", "all"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"},
    ).stdout
    places = [route["dst"] for route in json.loads(said)]
    return [ipaddress.IPv4Network(place, strict=False) for place in places if place != "default"]
