"""Two runs at once, and a box that reboots under one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold import lab
from freehold.hosts.host import Host
from tests.deadline import in_time
from tests.infra.conftest import MakeStack
from tests.infra.on_box import UNIT, boot_id, is_served, on, reboot, seen_on, server_pid, slowed
from tests.infra.stack import Stack

KEY = "a-key-that-two-people-share"
# With what a minimal box has.
HEALTH = """bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080 &&
printf "GET /health HTTP/1.0\\r\\n\\r\\n" >&3 && head -n 1 <&3' 2>/dev/null || true"""
WEIGHTS_SYNC = "var/lib/freehold/weights/*.partial/*.gguf"


@pytest.fixture
def never_up(make_stack: MakeStack, box: lab.Box) -> Iterator[Stack]:
    """A stack that was never brought up, on a box where nothing lies."""
    stack = make_stack()
    yield stack
    stack.destroy().must()
    assert on(box, "ls -A /var/lib/freehold /etc/freehold 2>/dev/null || true") == ""


def test_a_second_up_of_a_stack_is_refused_while_the_first_runs(
    never_up: Stack, box: lab.Box
) -> None:
    with slowed(box, "160mbit"):
        first = never_up.start("up", "--yes", "--skip-preview")
        first.until(lambda: seen_on(box, "var/lib/freehold/engines/*.partial"))
        assert "the stack is currently locked" in never_up.up().must(1).text
        first.end().must()
    assert server_pid(box)


def test_two_backends_that_change_one_box_at_once_both_end_well(
    never_up: Stack, make_stack: MakeStack, box: lab.Box, tmp_path: Path
) -> None:
    """They cannot know of each other: the box's own lock puts them in a row."""
    other = make_stack(backend=tmp_path / "other")
    for stack in (never_up, other):
        stack.set_api_key(KEY)
    runs = [stack.start("up", "--yes", "--skip-preview") for stack in (never_up, other)]
    ended = [run.end() for run in runs]
    assert [outcome.code for outcome in ended] == [0, 0], "\n".join(o.text for o in ended)
    for stack in (never_up, other):
        assert stack.preview().must().changes == {}
    other.destroy().must()
    never_up.up().must()
    assert server_pid(box)


def test_a_reboot_in_the_middle_of_a_sync_is_waited_for(
    never_up: Stack, box: lab.Box, host: Host
) -> None:
    before = boot_id(box)
    with slowed(box):
        running = never_up.start("up", "--yes", "--skip-preview")
        running.until(lambda: seen_on(box, WEIGHTS_SYNC))
        reboot(box)
    ended = running.end(60)
    assert ended.code == 0, ended.text
    assert "one: syncing smollm2-135m: " in ended.text  # it is said
    assert "Traceback" not in ended.text
    assert boot_id(box) != before
    assert never_up.preview().must().changes == {}

    # And the server comes back by itself.
    key = never_up.outputs()["api_key"]
    reboot(box)
    assert in_time(lambda: "200" in on(box, HEALTH), 30)
    assert is_served(host, key)
    assert never_up.preview().must().changes == {}
    assert on(box, f"systemctl show -P NRestarts {UNIT}") == "0"
