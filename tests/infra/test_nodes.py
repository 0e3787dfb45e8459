"""A stack of two boxes."""

from __future__ import annotations

import pytest

from freehold import lab
from tests.infra.conftest import MakeStack
from tests.infra.on_box import seen_on, server_pid, tree
from tests.infra.stack import Stack, nodes


@pytest.fixture(scope="module")
def both(lab_boxes: lab.Lab) -> tuple[lab.Box, ...]:
    return lab_boxes.boxes[:2]


@pytest.fixture(scope="module")
def bare(both: tuple[lab.Box, ...]) -> list[str]:
    return [tree(box) for box in both]


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack, both: tuple[lab.Box, ...], bare: list[str]) -> Stack:
    return make_stack(*both, parallel_nodes=1)


def test_with_parallel_nodes_1_boxes_are_changed_one_after_the_other(
    stack: Stack, both: tuple[lab.Box, ...]
) -> None:
    running, together = stack.start("up", "--yes", "--skip-preview"), 0
    while running.process.poll() is None:
        # What is being synced to a box lies in a folder of this name, and nothing else does.
        syncing = [seen_on(box, "var/lib/freehold/*/*.partial") for box in both]
        together = max(together, sum(syncing))
    running.end().must()
    assert together == 1
    assert all(server_pid(box) for box in both)
    assert set(stack.outputs()["endpoints"]) == {"one", "two"}


def test_a_node_that_leaves_the_stack_is_cleaned_and_the_other_one_not_touched(
    stack: Stack, both: tuple[lab.Box, ...], bare: list[str]
) -> None:
    stays, leaves = both
    before, pid = tree(stays), server_pid(stays)
    stack.config["nodes"] = nodes(stays)
    stack.write()
    shown = stack.preview().must()
    assert {name.startswith("two") for name in shown.changes} == {True}
    assert set(shown.changes.values()) == {"delete"}
    stack.up().must()
    assert tree(leaves) == bare[1]
    assert server_pid(leaves) == 0
    assert (tree(stays), server_pid(stays)) == (before, pid)


def test_a_store_that_is_gone_stops_no_destroy(
    stack: Stack, both: tuple[lab.Box, ...], bare: list[str]
) -> None:
    with stack.changed(store="/nowhere"):
        stack.destroy().must()
    assert tree(both[0]) == bare[0]
