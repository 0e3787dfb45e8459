"""Stacks on the lab's boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from demo.parts import ENGINE, WEIGHTS
from freehold import lab
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.weights.store import Store
from tests.infra.stack import Stack, nodes

if TYPE_CHECKING:
    from tests.infra.rented import Rented

MakeStack = Callable[..., Stack]
Rent = Callable[..., "Rented"]


@pytest.fixture
def rent(store: Store, tmp_path: Path) -> Iterator[Rent]:
    """A maker of stacks that rent, each in a world of its own that is gone afterwards."""
    # Not for tests of owned boxes: it takes moto, and a second to import.
    from tests.aws.world import World
    from tests.infra.rented import rent_key, rented_stack

    made: list[Rented] = []

    def make(**keys: Any) -> Rented:
        folder = tmp_path / f"stack-{len(made)}"
        folder.mkdir()
        made.append(rented_stack(folder, store, World(), rent_key(folder), **keys))
        return made[-1]

    yield make
    for each in made:
        each.stack.forget()
        each.world.close()


@pytest.fixture(scope="module")
def make_stack(
    lab_boxes: lab.Lab, store: Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeStack]:
    """A maker of stacks on the first box, or on those given; all are destroyed afterwards."""
    made: list[Stack] = []

    def make(*boxes: lab.Box, backend: Path | None = None, **config: Any) -> Stack:
        settings = {
            "store": store.place,
            "engine": ENGINE,
            "model": {"weights": WEIGHTS},
            "server": {"context_tokens": 512, "threads": 1},
            "ssh": {"config": str(lab_boxes.ssh_config), "connect_timeout_s": 5},
            "nodes": nodes(*(boxes or lab_boxes.boxes[:1])),
        }
        stack = Stack(tmp_path_factory.mktemp("stack"), {**settings, **config}, backend)
        made.append(stack)
        return stack

    yield make
    try:
        left = [stack.destroy() for stack in made if stack.resources()]
        assert not [outcome.text for outcome in left if outcome.code]
    finally:
        for stack in made:
            stack.forget()


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    """A stack of the first box, brought up once for the tests of a module."""
    stack = make_stack()
    stack.up().must()
    return stack


@pytest.fixture(scope="session")
def box(lab_boxes: lab.Lab) -> lab.Box:
    """The first box."""
    return lab_boxes.boxes[0]


@pytest.fixture
def host(lab_boxes: lab.Lab) -> Iterator[SshHost]:
    """A connection of the test's own to the first box."""
    settings = SshSettings(lab_boxes.ssh_config)
    with closing(SshHost("one", lab_boxes.boxes[0].name, settings)) as host:
        yield host
