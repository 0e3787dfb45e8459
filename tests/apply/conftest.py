"""A box that is put back after each test, and a store of small files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freehold import lab
from freehold.hosts.command import Command
from freehold.hosts.host import run_or_raise
from freehold.hosts.ssh_config import SshSettings
from freehold.weights.open import create_store
from freehold.weights.store import Store
from tests.apply.counted import CountedHost

CLEAN = """
systemctl stop 'fh-test*' 2>/dev/null; systemctl disable -q fh-test 2>/dev/null
umount /var/lib/freehold 2>/dev/null
rm -rf /etc/fh-test /etc/systemd/system/fh-test* /var/lib/freehold
systemctl daemon-reload; systemctl reset-failed; true
"""


@pytest.fixture(scope="module")
def connection(lab_boxes: lab.Lab) -> Iterator[CountedHost]:
    settings = SshSettings(lab_boxes.ssh_config)
    with closing(CountedHost("node-1", lab_boxes.boxes[0].name, settings)) as host:
        yield host


@pytest.fixture
def box(connection: CountedHost) -> Iterator[CountedHost]:
    """The first box, without anything of Freehold's: /etc/fh-test and fh-test.service are free."""
    connection.restart()
    yield connection
    connection.restart()
    run_or_raise(connection, Command(CLEAN, "cleaning up"))


@pytest.fixture
def empty_store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")
