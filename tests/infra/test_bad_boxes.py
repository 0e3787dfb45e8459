"""Boxes that cannot be reached, or cannot carry a node: a clear error, and nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from freehold import lab
from tests.infra.conftest import MakeStack
from tests.infra.on_box import on, server_pid, tree
from tests.infra.stack import Outcome, Stack, nodes

BOUND_S = 25  # a connect timeout of 5 s, and a busy machine


@pytest.fixture(scope="module")
def second(lab_boxes: lab.Lab) -> Iterator[lab.Box]:
    """The box that bad things are done to; it is as it was afterwards."""
    before = tree(lab_boxes.boxes[1])
    yield lab_boxes.boxes[1]
    assert tree(lab_boxes.boxes[1]) == before


@pytest.fixture(scope="module")
def other(make_stack: MakeStack, second: lab.Box) -> Stack:
    """A stack of the second box that never came up."""
    return make_stack(second)


def refused(outcome: Outcome) -> str:
    assert outcome.code != 0
    assert "Traceback" not in outcome.text
    assert "internal error" not in outcome.text
    return outcome.text


@pytest.mark.parametrize("verb", ["preview", "up", "destroy"])
def test_an_unreachable_box_is_an_error_in_bounded_time_and_never_gone(
    stack: Stack, box: lab.Box, verb: str
) -> None:
    before, pid = stack.resources(), server_pid(box)
    box.unplug()
    try:
        outcome = getattr(stack, verb)()
    finally:
        box.plug()
        box.wait_until_it_answers()
    assert "one: " in refused(outcome)
    assert "the host is silent" in outcome.text
    assert outcome.took_s < BOUND_S
    assert stack.resources() == before
    assert server_pid(box) == pid


def test_a_changed_host_key_is_refused_with_both_fingerprints(stack: Stack, box: lab.Box) -> None:
    before = stack.resources()
    box.rotate_host_key()
    try:
        outcome = stack.up()
    finally:
        box.restore_host_key()
    text = refused(outcome)
    told = (
        r"has changed: refused\n\s+expected ED25519 (SHA256:\S+).*\n\s+found +ED25519 (SHA256:\S+)"
    )
    fingerprints = re.search(told, text)
    assert fingerprints, text
    assert fingerprints[1] != fingerprints[2]
    assert stack.resources() == before
    assert stack.preview().must().changes == {}


def test_a_user_without_sudo_is_told_so(other: Stack, second: lab.Box) -> None:
    with other.changed(nodes=nodes(second, user="guest")):
        text = refused(other.preview())
    assert "one: expected root, or a sudo right that asks no password" in text
    assert "/etc/sudoers.d" in text


def test_a_box_whose_init_is_not_systemd_is_told_so(other: Stack) -> None:
    with lab.temporary(1, lab.default_state_dir().with_name("lab-tests"), init="sshd") as bare:
        ssh = {"config": str(bare.ssh_config)}
        with other.changed(nodes=nodes(*bare.boxes), ssh=ssh):
            text = refused(other.preview())
    assert "one: expected systemd as the running init, found another" in text


def test_a_disk_that_is_too_small_is_an_error_of_the_preview(other: Stack, second: lab.Box) -> None:
    folder = "/var/lib/freehold"
    on(second, f"mkdir {folder}; mount -t tmpfs -o size=64m full {folder}")
    try:
        text = refused(other.preview())
    finally:
        on(second, f"umount {folder}; rmdir {folder}")
    assert f"one: {folder}/engines/" in text
    assert "expected 340 MB free for llama.cpp-10434-portable, found 67 MB" in text


def test_a_port_that_another_program_holds_is_an_error_of_the_preview(
    other: Stack, second: lab.Box
) -> None:
    on(second, "systemd-run -q --unit=squatter --socket-property=ListenStream=8080 /bin/true")
    try:
        text = refused(other.preview())
    finally:
        on(second, "systemctl stop squatter.socket; systemctl reset-failed")
    assert "port 8080: expected it to be free for llama-server.service, found systemd" in text
