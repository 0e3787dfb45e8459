"""AWS as the tests have it, and boxes for tasks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from freehold import lab
from freehold.hosts.host import Host
from freehold.hosts.ssh import SshHost
from tests.aws.world import World
from tests.rent.tasks import keyed, open_box


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An empty account, which the environment leads to."""
    found = World()
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in found.environment().items():
        monkeypatch.setenv(name, value)
    yield found
    found.close()


@pytest.fixture
def node(ssh_host: SshHost) -> Iterator[Host]:
    """The first box with a server's key and no task, before and after."""
    with keyed(ssh_host) as host:
        yield host


@pytest.fixture
def frail(lab_boxes: lab.Lab) -> Iterator[SshHost]:
    """The second box in the same way, over a connection of the test's own: it may be lost."""
    box = lab_boxes.boxes[1]
    with contextlib.closing(open_box(box)) as host, keyed(host):
        try:
            yield host
        finally:
            box.start()
            box.plug()
            host.close()
