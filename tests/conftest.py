"""What several areas' tests share: two real boxes, and a store with the demo's real parts."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing

import pytest

from demo.parts import fill_store
from freehold import lab
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.weights.store import Store


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> Iterator[None]:
    """A runner in the background ignores SIGINT, one under nohup SIGHUP, and all that it starts
    would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    before_hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, before)
    signal.signal(signal.SIGHUP, before_hangup)


@pytest.fixture(scope="session")
def lab_boxes() -> Iterator[lab.Lab]:
    """A lab of two boxes for the whole session; what a test changes on them it puts back."""
    if reason := lab.unsupported():
        pytest.skip(reason)
    # Not under pytest's own folders in /tmp, which may be in memory or on overlayfs.
    with lab.temporary(2, lab.default_state_dir().with_name("lab-tests")) as two:
        yield two


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The small real model and the real engine; a test that damages a store makes its own."""
    return fill_store(tmp_path_factory.mktemp("store"), print)


@pytest.fixture(scope="session")
def ssh_host(lab_boxes: lab.Lab) -> Iterator[SshHost]:
    """The first box as its user admin, who has sudo. The second is for what goes wrong."""
    with closing(
        SshHost("node-1", lab_boxes.boxes[0].name, SshSettings(lab_boxes.ssh_config))
    ) as host:
        yield host
