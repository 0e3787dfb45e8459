"""The engine, the provider or the person ends an `up` in the middle; the next one goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from freehold import lab
from tests.deadline import in_time
from tests.infra.conftest import MakeStack
from tests.infra.on_box import UNIT, on, seen_on, server_pid, slowed
from tests.infra.stack import Running, Stack

SETS = "var/lib/freehold"


@pytest.fixture
def never_up(make_stack: MakeStack, box: lab.Box) -> Iterator[Stack]:
    """A stack that was never brought up, on a box where nothing lies."""
    stack = make_stack()
    yield stack
    stack.pulumi("cancel", "--yes")
    stack.destroy().must()
    assert on(box, f"ls -A /{SETS} /etc/freehold 2>/dev/null || true") == ""


ENGINE_SYNC = f"{SETS}/engines/*.partial/libggml-vulkan.so.0"
WEIGHTS_SYNC = f"{SETS}/weights/*.partial/*.gguf"


def test_an_up_that_is_killed_again_and_again_arrives_in_the_end(
    never_up: Stack, box: lab.Box
) -> None:
    def killed_at(moment: Callable[[Running], bool]) -> None:
        running = never_up.start("up", "--yes", "--skip-preview")
        running.until(lambda: moment(running))
        running.kill()
        # No orphan goes on changing the box.
        assert in_time(lambda: not running.left()), running.left()
        assert_nothing_half_has_its_final_name(box)
        assert "pulumi cancel" in never_up.up().must(1).text
        never_up.pulumi("cancel", "--yes")

    with slowed(box):
        killed_at(lambda _: seen_on(box, ENGINE_SYNC))
        killed_at(lambda _: seen_on(box, WEIGHTS_SYNC))
    killed_at(lambda _: seen_on(box, f"etc/systemd/system/{UNIT}"))
    killed_at(lambda running: f"{UNIT} creating" in running.text)
    never_up.up().must()
    assert server_pid(box)
    assert "partial" not in on(box, f"ls /{SETS}/engines /{SETS}/weights")
    assert never_up.preview().must().changes == {}


def test_a_destroy_after_a_killed_up_leaves_the_box_as_it_was_found(
    never_up: Stack, box: lab.Box
) -> None:
    running = never_up.start("up", "--yes", "--skip-preview")
    running.until(lambda: f"{UNIT} creating" in running.text)
    running.kill()
    assert in_time(lambda: not running.left()), running.left()
    never_up.pulumi("cancel", "--yes")
    never_up.destroy().must()
    assert on(box, f"ls -A /{SETS} /etc/freehold 2>/dev/null || true") == ""
    assert not seen_on(box, f"etc/systemd/system/{UNIT}")
    assert on(box, f"systemctl show -p LoadState {UNIT}") == "LoadState=not-found"


def test_a_provider_that_is_killed_fails_the_up_and_the_next_one_goes_on(
    never_up: Stack, box: lab.Box
) -> None:
    with slowed(box):
        running = never_up.start("up", "--yes", "--skip-preview")
        running.until(lambda: seen_on(box, WEIGHTS_SYNC))
        (provider,) = [
            pid for pid, argv in running.left().items() if "freehold.infra.plugin" in argv
        ]
        os.kill(provider, signal.SIGKILL)
        running.end(30).must(1)
    assert_nothing_half_has_its_final_name(box)
    never_up.up().must()
    assert server_pid(box)


def test_ctrl_c_ends_cleanly_within_seconds_and_keeps_what_arrived(
    never_up: Stack, box: lab.Box
) -> None:
    with slowed(box):
        running = never_up.start("up", "--yes", "--skip-preview")
        # Which of the two comes first is the engine's choice.
        running.until(lambda: whole(box) and seen_on(box, f"{SETS}/*/*.partial"))
        kept = whole(box)
        running.interrupt()
        ended = running.end(15)
    assert ended.code != 0
    assert "cancelled" in ended.text
    assert in_time(lambda: not running.left()), running.left()
    assert_nothing_half_has_its_final_name(box)
    assert whole(box) == kept
    assert f"one-{kept}" in never_up.resources()
    assert f"one-{kept}" not in never_up.up().must().changes


def whole(box: lab.Box) -> str | None:
    """The one set that lies under its final name already."""
    for kind, name in (("engines", "engine"), ("weights", "weights")):
        if seen_on(box, f"{SETS}/{kind}/*[!l]"):
            return name
    return None


def assert_nothing_half_has_its_final_name(box: lab.Box) -> None:
    """Whatever lies under its final name came whole: its proof was written last."""
    listed = on(
        box,
        f"for set in /{SETS}/engines/* /{SETS}/weights/*; do "
        'case $set in *.partial|*"*") continue;; esac; cd "$set"; '
        "sed 's/ [^ ]* [^ ]* [^ ]* /  /' .freehold-proof | sha256sum -c --quiet; "
        "done; systemd-analyze verify /etc/systemd/system/llama-server.service 2>/dev/null || true",
    )
    assert listed == ""
