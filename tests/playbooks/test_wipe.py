"""`fab weights.wipe` and `weights.verify` on a stack's node."""

from __future__ import annotations

from demo.parts import WEIGHTS
from freehold import lab
from tests.infra.on_box import UNIT, on, server_pid
from tests.infra.stack import Stack
from tests.playbooks.conftest import Fab

SETS = "/var/lib/freehold/weights"


def test_every_byte_is_read_in_the_store_and_on_the_node(fab: Fab, stack: Stack) -> None:
    said = fab("weights.verify", stack=stack).must()
    assert said.lines == [f"store: {WEIGHTS} is whole", f"one  {WEIGHTS} is whole"]


def test_weights_that_are_served_are_wiped_only_when_the_server_may_be_stopped(
    fab: Fab, stack: Stack, box: lab.Box
) -> None:
    pid = server_pid(box)
    refused = fab("weights.wipe", WEIGHTS, stack=stack).must(1)
    assert f"{UNIT} runs with {WEIGHTS}" in refused.out
    assert "--stop stops it first" in refused.out
    assert server_pid(box) == pid
    said = fab("weights.wipe", WEIGHTS, "--stop", stack=stack).must()
    assert "removed, " in said.out
    assert "overlay does not write over what was there" in said.out
    assert server_pid(box) == 0
    assert on(box, f"ls {SETS} 2>/dev/null || true") == ""
    again = fab("weights.wipe", WEIGHTS, stack=stack).must()
    assert again.lines == [f"one  {WEIGHTS} is not here"]
    # The next `up` brings them again.
    assert set(stack.up().must().changes.values()) <= {"create", "update", "replace"}
    assert server_pid(box)
