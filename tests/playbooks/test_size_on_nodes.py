"""`fab size` on the nodes of a stack: read over SSH, and their engine asked."""

from __future__ import annotations

import pytest

from demo.parts import ENGINE
from freehold import lab
from tests.infra.conftest import MakeStack
from tests.infra.stack import Stack
from tests.playbooks.conftest import Fab


@pytest.fixture(scope="module")
def bare(make_stack: MakeStack) -> Stack:
    """A stack that was never brought up."""
    return make_stack()


def test_a_node_is_sized_before_anything_is_on_it(fab: Fab, bare: Stack) -> None:
    said = fab("size", "--ask-engine", stack=bare).must()
    assert said.lines[0].startswith("one  smollm2-135m ")
    assert "on one: fits, all in RAM; 1 slot of 512 tokens, KV cache f16" in said.lines[0]
    assert said.lines[-1].strip() == f"note: {ENGINE} is not there yet, so nobody was asked"


def test_the_command_line_holds_over_the_stack(fab: Fab, bare: Stack) -> None:
    said = fab("size", "--context", "max", "--json", stack=bare).must().json()
    assert said["node"] == "one"
    assert said["run"]["context_tokens"] == said["model"]["context_max_tokens"]
    other = fab("size", "--model", "glm-5.2:iq2_m", "--json", stack=bare).must(1)
    assert other.json()["model"]["quant"] == "UD-IQ2_M"
    assert other.json()["shortfalls"][0]["device"] == "host"
    assert other.err == "failed on 1 of 1: one\n"


def test_hardware_that_is_given_by_hand_holds_over_what_is_read(fab: Fab, bare: Stack) -> None:
    by_hand = [{**bare.config["nodes"][0], "hardware": {"ram_gib": 300, "cores": 24}}]
    with bare.changed(nodes=by_hand):
        said = fab("size", "--model", "glm-5.2:iq2_m", "--json", stack=bare).must().json()
    assert said["hardware"]["cores"] == 24
    assert said["uses"][-1]["capacity_bytes"] == 300 << 30


def test_what_the_policy_refuses_is_no_fit(fab: Fab, bare: Stack) -> None:
    with bare.changed(policy={"min_context_tokens": 4096, "min_tokens_per_s": 100_000}):
        said = fab("size", stack=bare).must(1)
    assert "one: freehold:policy.min_context_tokens: expected at least 4096" in said.out
    assert "one: freehold:policy.min_tokens_per_s: expected at least 100000" in said.out


def test_a_host_of_no_stack_is_sized_too(fab: Fab, bare: Stack, lab_boxes: lab.Lab) -> None:
    other = lab_boxes.boxes[1].name
    said = fab("-H", other, "size", "--model", "glm-5.2", "--json", stack=bare).must(1).json()
    assert said["node"] == other
    assert said["best"] is None


def test_the_nodes_own_engine_is_asked(fab: Fab, stack: Stack) -> None:
    said = fab("size", "--ask-engine", "--json", stack=stack).must().json()
    rows = {row["part"]: row["difference_bytes"] for row in said["account"]}
    assert rows["KV cache"] == 0
    assert abs(rows["total"]) < 2 << 20
