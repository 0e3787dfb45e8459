"""Hosts by OpenSSH that are closed after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from freehold import lab
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings

Open = Callable[..., SshHost]


@pytest.fixture
def connect(lab_boxes: lab.Lab) -> Iterator[Open]:
    """Open a host that is closed after the test; `config` is the lab's unless given."""
    hosts: list[SshHost] = []

    def open_host(destination: str, config: Path | None = None, **settings: Any) -> SshHost:
        chosen = SshSettings(config or lab_boxes.ssh_config, **settings)
        hosts.append(SshHost("node-1", destination, chosen))
        return hosts[-1]

    yield open_host
    for host in hosts:
        host.close()
