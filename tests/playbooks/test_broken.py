"""What `node.doctor` and `node.drift` say of boxes that are broken, and change nothing of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from freehold import lab
from tests.infra.on_box import UNIT, on, server_pid, tree
from tests.infra.stack import Stack
from tests.playbooks.conftest import Fab

UNIT_PATH = f"/etc/systemd/system/{UNIT}"


@contextmanager
def reached_by(stack: Stack, text: str, path: Path) -> Iterator[None]:
    """The stack with an ssh_config of its own for the length of a `with` block."""
    path.write_text(text)
    with stack.changed(ssh={"config": str(path), "connect_timeout_s": 5}):
        yield


def test_the_doctor_names_a_host_key_that_nobody_has_seen(
    fab: Fab, stack: Stack, box: lab.Box, tmp_path: Path
) -> None:
    known_nobody = box.ssh_config.read_text().replace("known_hosts", "known_nobody")
    with reached_by(stack, known_nobody, tmp_path / "ssh_config"):
        said = fab("node.doctor", stack=stack).must(1)
    assert "one  FAILED  connecting: ssh admin@" in said.lines[0]
    assert "expected a known host key, found none in known_hosts" in said.lines[0]
    assert "compare the fingerprint" in said.out


def test_the_doctor_names_a_host_key_that_has_changed(fab: Fab, stack: Stack, box: lab.Box) -> None:
    box.rotate_host_key()
    try:
        said = fab("node.doctor", stack=stack).must(1)
    finally:
        box.restore_host_key()
    assert said.lines[0].endswith("has changed: refused")
    expected, found = (line.split()[:3] for line in said.lines[1:3])
    assert (expected[0], found[0]) == ("expected", "found")
    assert expected[2] != found[2]


def test_the_doctor_names_a_box_without_systemd_and_still_looks_at_the_rest(
    fab: Fab, stack: Stack, lab_boxes: lab.Lab
) -> None:
    with lab.temporary(1, lab_boxes.folder.parent, init="sshd") as bare:
        ssh = {"config": str(bare.ssh_config)}
        with stack.changed(nodes=[{"name": "bare", "ssh": bare.boxes[0].name}], ssh=ssh):
            said = fab("node.doctor", stack=stack).must(1)
    assert "FAIL  system    expected systemd as the running init, found another" in said.out
    assert "Hint: a container without an init cannot be a node" in said.out
    assert "ok    disk " in said.out


def test_the_doctor_names_an_sshd_that_forwards_nothing(
    fab: Fab, stack: Stack, box: lab.Box
) -> None:
    refusal = "/etc/ssh/sshd_config.d/refuse.conf"
    reload = "kill -HUP $(cat /run/sshd.pid)"
    on(box, f"echo 'AllowTcpForwarding no' >{refusal}; {reload}")
    box.wait_until_it_answers()
    try:
        said = fab("node.doctor", stack=stack)
    finally:
        on(box, f"rm {refusal}; {reload}")
        box.wait_until_it_answers()
    assert "FAIL  forward " in said.must(1).out
    assert "found allowtcpforwarding no" in said.out
    assert "Hint: set AllowTcpForwarding local" in said.out


def test_a_server_whose_port_is_taken_is_not_started_and_says_by_whom(
    fab: Fab, stack: Stack, box: lab.Box
) -> None:
    on(
        box,
        f"systemctl stop {UNIT}; systemd-run -q --unit=squatter "
        "--socket-property=ListenStream=8080 /bin/true",
    )
    try:
        said = fab("service.start", stack=stack)
        pid = server_pid(box)
    finally:
        on(box, f"systemctl stop squatter.socket; systemctl start {UNIT}")
    assert "port 8080: expected it to be free" in said.must(1).lines[0]
    assert "found systemd (pid 1) listening" in said.lines[0]
    assert pid == 0


DRIFTS = {
    "a file that was edited": (
        f"sed -i 's/--ctx-size 512/--ctx-size 99/' {UNIT_PATH}",
        [
            f"place {UNIT_PATH}",
            "reload systemd's units",
            f"restart {UNIT} (older than {UNIT_PATH})",
        ],
    ),
    "a service that was stopped and disabled": (
        f"systemctl disable -q --now {UNIT}",
        [f"enable {UNIT}", f"start {UNIT} (it is inactive)"],
    ),
    # What it should hold is a secret of the stack, which `fab` has no part in.
    "a key that was deleted": (
        "rm /etc/freehold/api-key",
        [f"restart {UNIT} (older than /etc/freehold/api-key)"],
    ),
}


@pytest.mark.parametrize("what", DRIFTS)
def test_drift_is_named_and_left_as_it_is(fab: Fab, stack: Stack, box: lab.Box, what: str) -> None:
    hand, steps = DRIFTS[what]
    on(box, hand)
    before, pid = tree(box), server_pid(box)
    said = fab("node.drift", stack=stack).must(1)
    assert (tree(box), server_pid(box)) == (before, pid)
    stack.up().must()
    assert said.lines[0] == "one  FAILED  to do:"
    assert [line.strip() for line in said.lines[1:]] == steps
    assert fab("node.drift", stack=stack).must().lines == ["one  as declared"]
