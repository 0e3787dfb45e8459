"""The first box of the lab with nothing of Freehold's, before and after each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freehold import lab
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.weights.open import create_store
from freehold.weights.store import Store
from tests.infra.on_box import on

CLEAN = """
for unit in freehold-tuning freehold-guard; do
  systemctl disable -q --now $unit 2>/dev/null || true
  rm -f /etc/systemd/system/$unit.service
  systemctl reset-failed -q $unit 2>/dev/null || true
done
systemctl daemon-reload
rm -rf /etc/freehold /usr/local/lib/freehold /var/lib/freehold
"""


@pytest.fixture
def box(lab_boxes: lab.Lab) -> Iterator[lab.Box]:
    box = lab_boxes.boxes[0]
    yield box
    on(box, CLEAN)


@pytest.fixture
def host(lab_boxes: lab.Lab) -> Iterator[SshHost]:
    settings = SshSettings(lab_boxes.ssh_config)
    with closing(SshHost("one", lab_boxes.boxes[0].name, settings)) as host:
        yield host


@pytest.fixture
def empty_store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")
