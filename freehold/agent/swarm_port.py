"""Where the other nodes reach this one, and a firewall that lets nobody else to that port."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

_NFT_TIMEOUT_S = 10


def free_port() -> int:
    """One that nobody listens on. libtorrent must be told: of port 0 it makes another for each
    of the box's addresses."""
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def addresses() -> list[str]:
    """This box's own addresses that others may reach, IPv4 first: as the kernel lists them."""
    found = {*_ipv4(), *_ipv6()}
    usable = [a for a in found if not (a.is_loopback or a.is_link_local or a.is_multicast)]
    return [str(a) for a in sorted(usable, key=lambda a: (a.version, int(a)))]


def _ipv4() -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The lines before each `/32 host LOCAL` of the routing trie."""
    found, last = set(), ""
    for line in _lines("/proc/net/fib_trie"):
        if "/32 host LOCAL" in line:
            found.add(ipaddress.ip_address(last))
        if "|--" in line:
            last = line.split("|--")[1].strip()
    return found


def _ipv6() -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    words = (line.split() for line in _lines("/proc/net/if_inet6"))
    return {ipaddress.ip_address(bytes.fromhex(each[0])) for each in words if each}


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


class Firewall:
    """A table of nftables that drops what comes to `port` from all but the peers.

    The kernel removes it when the `nft` that owns it ends (`flags owner`, Linux 5.12), and that
    one ends with its stdin: whatever kills this process, nothing stays behind.
    """

    def __init__(self, port: int) -> None:
        self._table = f"inet freehold_swarm_{port}"
        self._nft: subprocess.Popen[str] | None = None
        with contextlib.suppress(OSError):
            self._nft = subprocess.Popen(
                ["nft", "-i"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
                bufsize=1,
            )
        rules = [f"add table {self._table} {{ flags owner; }}"]
        for version in (4, 6):
            rules.append(f"add set {self._table} peers{version} {{ type ipv{version}_addr; }}")
        rules.append(f"add chain {self._table} input {{ type filter hook input priority -10; }}")
        for family, version in (("ip", 4), ("ip6", 6)):
            rules.append(
                f"add rule {self._table} input tcp dport {port} "
                f"{family} saddr != @peers{version} drop"
            )
        rules.append(f"add rule {self._table} input udp dport {port} drop")
        self._say(rules)

    def admit(self, peers: Iterable[str]) -> None:
        """Let these addresses in, from now on."""
        found = [ipaddress.ip_address(address) for address in peers]
        self._say(
            f"add element {self._table} peers{address.version} {{ {address} }}" for address in found
        )

    @property
    def is_up(self) -> bool:
        """Whether the table is there."""
        if self._nft is None:
            return False
        asked = ["nft", "list", "table", *self._table.split()]
        for _ in range(20):  # `nft -i` works off its lines by itself
            done = subprocess.run(asked, capture_output=True, check=False, timeout=_NFT_TIMEOUT_S)
            if not done.returncode and b"udp" in done.stdout:
                return True
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._nft.wait(0.1)
                return False
        return False

    def close(self) -> None:
        """Remove the table."""
        if self._nft is not None:
            self._nft.kill()
            self._nft.wait()

    def _say(self, lines: Iterable[str]) -> None:
        if self._nft is None or self._nft.stdin is None:
            return
        with contextlib.suppress(OSError, ValueError):
            self._nft.stdin.write("".join(f"{line}\n" for line in lines))
            self._nft.stdin.flush()
