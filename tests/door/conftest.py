"""Nodes with a door, on boxes whose apt has HAProxy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.parts import ENGINE, WEIGHTS
from freehold import lab
from freehold.weights.store import Store
from tests.infra.stack import Stack
from tests.playbooks.conftest import fab  # noqa: F401  # a fixture


@pytest.fixture(scope="package")
def door_box() -> Iterator[lab.Box]:
    """A box for this folder's tests."""
    if reason := lab.unsupported():
        pytest.skip(reason)
    folder = lab.default_state_dir().with_name("lab-tests")
    with lab.temporary(1, folder, offers=("haproxy", "lua5.4")) as one:
        yield one.boxes[0]


@pytest.fixture(scope="module")
def stack(
    door_box: lab.Box, store: Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A stack with a door on it, not yet up; destroyed afterwards."""
    config = {
        "store": store.place,
        "engine": ENGINE,
        "model": {"weights": WEIGHTS},
        "server": {"context_tokens": 512, "threads": 1, "slots": 2},
        "ssh": {"config": str(door_box.lab_folder / "ssh_config"), "connect_timeout_s": 5},
        "nodes": [{"name": "one", "ssh": f"admin@{door_box.name}"}],
        "door": {},
    }
    made = Stack(Path(tmp_path_factory.mktemp("door")), config)
    try:
        yield made
        assert made.destroy().code == 0
    finally:
        made.forget()
