"""The tasks on a converged box, and on one that something is wrong with."""

from __future__ import annotations

import pytest

from freehold import lab
from tests.infra.on_box import UNIT, on, server_pid
from tests.infra.stack import Stack
from tests.playbooks.conftest import Fab

UNIT_PATH = f"/etc/systemd/system/{UNIT}"


def test_each_task_says_one_line_about_a_node_that_is_well(fab: Fab, stack: Stack) -> None:
    said = {
        task: fab(task, stack=stack).must().lines
        for task in ("service.status", "node.drift", "weights.sync")
    }
    (status,), (drift,), (sync,) = said.values()
    assert status.startswith("one  ready, pid ")
    assert drift == "one  as declared"
    assert sync == "one  smollm2-135m was there, proven"


def test_the_server_is_stopped_started_and_restarted(fab: Fab, stack: Stack, box: lab.Box) -> None:
    assert fab("service.stop", stack=stack).must().lines == ["one  stopped"]
    down = fab("service.status", stack=stack).must(1)
    assert down.lines[0].startswith("one  FAILED  inactive")
    assert "failed on 1 of 1: one" in down.err
    drift = fab("node.drift", stack=stack).must(1)
    assert f"start {UNIT} (it is inactive)" in drift.out
    assert "one  ready: first token after" in fab("service.start", stack=stack).must().out
    pid = server_pid(box)
    fab("service.restart", stack=stack).must()
    assert server_pid(box) not in (0, pid)


def test_the_server_is_asked_and_its_log_read(fab: Fab, stack: Stack) -> None:
    answer = fab("service.ask", "What is the capital of France?", "--max-tokens", "24", stack=stack)
    assert len(answer.must().out.removeprefix("one: ").strip()) > 8
    assert "listening on" in fab("service.logs", "--lines", "200", stack=stack).must().out


def test_facts_are_a_table_or_json(fab: Fab, stack: Stack) -> None:
    assert "systemd_version" in fab("node.facts", stack=stack).must().out
    known = fab("node.facts", "--json", stack=stack, NO_COLOR="1").must()
    assert "\x1b" not in known.out
    assert (known.json()["node"], known.json()["arch"]) == ("one", "x86_64")


def test_weights_are_read_again_on_both_sides(fab: Fab, stack: Stack, box: lab.Box) -> None:
    assert "one  smollm2-135m is whole" in fab("weights.verify", stack=stack).must().out
    # Behind the proof's back: another byte, with the size and the time as they were.
    on(
        box,
        "f=$(echo /var/lib/freehold/weights/*/*.gguf); touch -r $f /tmp/time; chmod u+w $f; "
        "printf x | dd of=$f bs=1 seek=5000000 conv=notrunc status=none; "
        "chmod a-w $f; touch -r /tmp/time $f; rm /tmp/time",
    )
    assert fab("node.drift", stack=stack).must().lines == ["one  as declared"]
    found = fab("weights.verify", "--nodes-only", stack=stack).must(1)
    assert "found other bytes at 4194304 to 8388608" in found.out
    assert "sync smollm2-135m" in fab("node.drift", stack=stack).must(1).out
    assert "FAIL  verified  1 pieces of smollm2-135m" in fab("node.doctor", stack=stack).must(1).out
    # One piece, of 98 MB.
    assert "one  smollm2-135m synced: 4 MB" in fab("weights.sync", stack=stack).must().out
    # The server has read the damaged piece.
    assert "restart llama-server" in fab("node.drift", stack=stack).must(1).out
    stack.up().must()
    assert fab("node.drift", stack=stack).must().lines == ["one  as declared"]


def test_h_takes_nodes_and_other_hosts(fab: Fab, stack: Stack, lab_boxes: lab.Lab) -> None:
    other = lab_boxes.boxes[1].name
    said = fab("-H", f"one,{other}", "service.logs", "--lines", "1", stack=stack).must()
    assert [line.split()[0] for line in said.lines] == ["one", other]
    nobody = fab("-H", "one,no-such-host.invalid", "node.facts", stack=stack).must(1)
    assert "no-such-host.invalid  FAILED  connecting: " in nobody.out
    assert "failed on 1 of 2: no-such-host.invalid" in nobody.err


def test_the_doctor_finds_nothing_on_a_node_that_is_well(fab: Fab, stack: Stack) -> None:
    said = fab("node.doctor", stack=stack).must()
    checks = {line.split()[1]: line.split()[0] for line in said.lines[1:]}
    assert set(checks.values()) <= {"ok", "warn"}
    expected = "ssh root system forward engine weights port verified"
    assert set(expected.split()) <= set(checks)
    assert "\x1b" not in said.out


VERIFIED = "$(echo /var/lib/freehold/weights/*/.freehold-verified)"
WRONG = {
    "a drop-in beside the unit": (
        f"mkdir {UNIT_PATH}.d; printf '[Service]\\nNice=5\\n' >{UNIT_PATH}.d/own.conf; "
        "systemctl daemon-reload",
        f"rm -r {UNIT_PATH}.d; systemctl daemon-reload",
        0,
        f"{UNIT_PATH}.d/own.conf changes what {UNIT} does",
    ),
    "another program on the port": (
        f"systemctl stop {UNIT}; "
        "systemd-run -q --unit=squatter --socket-property=ListenStream=8080 /bin/true",
        f"systemctl stop squatter.socket; systemctl reset-failed; systemctl start {UNIT}",
        1,
        "found systemd (pid 1) listening",
    ),
    "weights that were not read for too long": (
        f'sed -i.old \'s/"began_s": [0-9]*/"began_s": 1000000000/\' {VERIFIED}',
        f"mv {VERIFIED}.old {VERIFIED}",
        1,
        "days ago, expected within 35 days: the server will not start",
    ),
    "a piece that the timer found bad": (
        f"echo '0 3 m.gguf' >$(dirname {VERIFIED})/.freehold-damage",
        f"rm $(dirname {VERIFIED})/.freehold-damage",
        1,
        "1 pieces of smollm2-135m are not what they were",
    ),
    "a full disk": (
        "mkdir /var/lib/away; mv /var/lib/freehold/weights /var/lib/away; "
        "mkdir /var/lib/freehold/weights; "
        "mount -t tmpfs -o size=64m full /var/lib/freehold/weights",
        "umount /var/lib/freehold/weights; rmdir /var/lib/freehold/weights; "
        "mv /var/lib/away/weights /var/lib/freehold; rmdir /var/lib/away",
        1,
        "free for smollm2-135m, found 67 MB",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_the_doctor_names(fab: Fab, stack: Stack, box: lab.Box, what: str) -> None:
    hand, undo, code, told = WRONG[what]
    on(box, hand)
    try:
        said = fab("node.doctor", stack=stack)
    finally:
        on(box, undo)
    assert told in said.must(code).out


def test_the_doctor_names_a_missing_right_and_a_silent_host(
    fab: Fab, stack: Stack, lab_boxes: lab.Lab
) -> None:
    away = lab_boxes.boxes[1]
    away.unplug()
    try:
        said = fab("-H", f"guest@{lab_boxes.boxes[0].name},{away.name}", "node.doctor", stack=stack)
    finally:
        away.plug()
        away.wait_until_it_answers()
    assert "expected root, or a sudo right that asks no password" in said.must(1).out
    assert "the host is silent" in said.out


def test_a_stack_that_is_wrong_is_an_error_with_its_place(fab: Fab, stack: Stack) -> None:
    with stack.changed(parallel_node=3):
        said = fab("service.status", stack=stack).must(1)
    assert f"stacks/Pulumi.{stack.name}.yaml:" in said.err
    assert 'did you mean "freehold:parallel_nodes"' in said.err
