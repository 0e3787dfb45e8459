"""The link between the store's machine and the boxes: as it is, capped, or with a delay."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.project import ROOT
from freehold.errors import FreeholdError
from freehold.lab import Lab
from freehold.lab.root import run_as_root


@dataclass(frozen=True)
class Link:
    """How fast a link is, and how long a byte is on its way there and back; 0: as it is."""

    name: str
    cap_mbit: int = 0
    delay_ms: int = 0


BRIDGE = Link("bridge, as it is")
CAPPED = Link("uplink of 400 Mbit/s", cap_mbit=400)
FAR = Link("40 ms there and back", delay_ms=40)


@dataclass(frozen=True)
class Wire:
    """A link that is laid: the boxes by `ssh_config`, and what this machine serves on
    `service_port` of the bridge's address, by the boxes at `service` (host:port)."""

    link: Link
    lab: Lab
    ssh_config: Path
    service_port: int
    service: str

    def ssh_port(self, box: str) -> tuple[str, int]:
        """Where the box's sshd is reached: for those who do not read an ssh_config."""
        block = self.ssh_config.read_text().split(f"Host {box}\n")[1].split("\nHost ")[0]
        port = re.search(r"^ +Port (\d+)$", block, re.MULTILINE)
        host = re.search(r"^ +HostName (\S+)$", block, re.MULTILINE)
        assert host is not None  # noqa: S101 - the lab writes it
        return host[1], int(port[1]) if port else 22


@contextlib.contextmanager
def laid(link: Link, lab: Lab, folder: Path) -> Iterator[Wire]:
    """The link, for as long as the block lasts. Raises FreeholdError where this kernel cannot."""
    with _capped(link, lab), _delayed(link, lab, folder) as wire:
        yield wire


@contextlib.contextmanager
def _capped(link: Link, lab: Lab) -> Iterator[None]:
    """On the bridge's own queue: what the machine sends is held, what boxes send is not."""
    if not link.cap_mbit:
        yield
        return
    place = ["tc", "qdisc"]
    shape = ["tbf", "rate", f"{link.cap_mbit}mbit", "burst", "256kb", "latency", "50ms"]
    run_as_root("bench", *place, "add", "dev", lab.bridge, "root", *shape)
    try:
        yield
    finally:
        run_as_root("bench", *place, "del", "dev", lab.bridge, "root")


@contextlib.contextmanager
def _delayed(link: Link, lab: Lab, folder: Path) -> Iterator[Wire]:
    ports = _free_ports(lab.gateway, 2 + len(lab.boxes))
    service_port, *others = ports
    if not link.delay_ms:
        yield Wire(link, lab, lab.ssh_config, service_port, f"{lab.gateway}:{service_port}")
        return
    proxied, *for_ssh = others
    pairs = [f"{lab.gateway}:{proxied}={lab.gateway}:{service_port}"]
    text = lab.ssh_config.read_text()
    for box, port in zip(lab.boxes, for_ssh, strict=True):
        pairs.append(f"{lab.gateway}:{port}={box.address}:22")
        # The key that is expected stays the box's own: HostKeyAlias is not touched.
        line = f"HostName {box.address}\n"
        text = text.replace(line, f"HostName {lab.gateway}\n    Port {port}\n")
    config = folder / "ssh_config_far"
    config.write_text(text)
    argv = [sys.executable, "-m", "bench.delay", f"{link.delay_ms / 2:g}", *pairs]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT) as proxy:
        try:
            assert proxy.stdout is not None  # noqa: S101 - started with a pipe
            if proxy.stdout.readline() != b"listening\n":
                raise FreeholdError.of("bench.delay", "expected it to listen, it ended")
            yield Wire(link, lab, config, service_port, f"{lab.gateway}:{proxied}")
        finally:
            proxy.kill()


def _free_ports(address: str, count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((address, 0))
        return [each.getsockname()[1] for each in sockets]
