"""OpenSSH to real boxes: every way in which it goes wrong, and how long that takes."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import pytest

from freehold import lab
from freehold.hosts.command import Command
from freehold.hosts.host import HostError, UnreachableError
from freehold.hosts.ssh import SshHost
from tests.deadline import in_time
from tests.hosts.conftest import Open
from tests.hosts.ssh_configs import two_hops, write_config

WHO = Command("id -un", "asking who")
PLAIN = Command("id -un", "asking who", root=False)


def fingerprint(public_key: Path) -> str:
    argv = ["ssh-keygen", "-lf", str(public_key)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()[1]


def seconds_to_fail(host: SshHost, command: Command = WHO) -> tuple[UnreachableError, float]:
    began_s = time.monotonic()
    with pytest.raises(UnreachableError) as caught:
        host.run(command)
    return caught.value, time.monotonic() - began_s


def test_a_user_without_sudo_is_told_that_it_is_missing(connect: Open, lab_boxes: lab.Lab) -> None:
    host = connect(f"guest@{lab_boxes.boxes[0].name}")
    assert host.run(PLAIN).stdout == "guest\n"
    with pytest.raises(HostError) as caught:
        host.run(WHO)
    assert not isinstance(caught.value, UnreachableError)
    assert "expected root, or a sudo right that asks no password" in str(caught.value)
    assert "/etc/sudoers.d" in str(caught.value)


def test_a_wrong_key_is_refused_with_what_to_do(
    connect: Open, lab_boxes: lab.Lab, tmp_path: Path
) -> None:
    box = lab_boxes.boxes[0]
    key = tmp_path / "another"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    error, _ = seconds_to_fail(
        connect(box.name, write_config(tmp_path, box, IdentityFile=str(key)))
    )
    assert "expected to log in by key, was refused" in str(error)
    assert "ssh-agent" in str(error)


def test_an_unknown_host_key_is_refused_and_not_learned(
    connect: Open, lab_boxes: lab.Lab, tmp_path: Path
) -> None:
    box = lab_boxes.boxes[0]
    empty = tmp_path / "known_hosts"
    empty.touch()
    # What a user's own configuration allows does not weaken it.
    config = write_config(
        tmp_path, box, UserKnownHostsFile=str(empty), StrictHostKeyChecking="accept-new"
    )
    error, _ = seconds_to_fail(connect(box.name, config))
    assert "expected a known host key, found none in known_hosts" in str(error)
    assert f"run `ssh {box.name}` once by hand" in str(error)
    assert empty.read_text() == ""


def test_a_changed_host_key_is_refused_with_both_fingerprints(
    connect: Open, lab_boxes: lab.Lab
) -> None:
    box = lab_boxes.boxes[1]
    box.rotate_host_key()
    try:
        error, _ = seconds_to_fail(connect(box.name))
    finally:
        box.restore_host_key()
    pinned = fingerprint(box.folder / "seed/etc/ssh/ssh_host_ed25519_key.pub")
    offered = fingerprint(box.folder / "rotated_key.pub")
    assert pinned != offered
    assert f"expected ED25519 {pinned} ({lab_boxes.known_hosts}:2)" in str(error)
    assert f"found    ED25519 {offered}" in str(error)
    assert "ssh-keygen -R" in str(error)


def test_a_name_that_does_not_resolve_says_so(
    connect: Open, lab_boxes: lab.Lab, tmp_path: Path
) -> None:
    config = write_config(tmp_path, lab_boxes.boxes[0], HostName="no-such-box.invalid")
    error, _ = seconds_to_fail(connect(lab_boxes.boxes[0].name, config))
    assert "expected a host name that resolves" in str(error)


def test_a_closed_port_says_so(connect: Open, lab_boxes: lab.Lab, tmp_path: Path) -> None:
    config = write_config(tmp_path, lab_boxes.boxes[0], Port="23")
    error, _ = seconds_to_fail(connect(lab_boxes.boxes[0].name, config))
    assert "expected sshd, the port is closed" in str(error)


def test_a_silent_host_is_given_up_after_the_connect_timeout(
    connect: Open, lab_boxes: lab.Lab
) -> None:
    box = lab_boxes.boxes[1]
    box.unplug()
    try:
        error, took_s = seconds_to_fail(connect(box.name, connect_timeout_s=2))
    finally:
        box.plug()
    box.wait_until_it_answers()
    assert "expected an answer, the host is silent" in str(error)
    assert took_s < 5


def test_a_cable_pulled_during_a_command_ends_it_in_bounded_time(
    connect: Open, lab_boxes: lab.Lab
) -> None:
    box = lab_boxes.boxes[1]
    host = connect(box.name, silent_after_s=3)
    host.run(WHO)
    ended: list[UnreachableError | float] = []
    command = Command("touch /run/began; exec sleep 20", "a long command")
    thread = threading.Thread(target=lambda: ended.extend(seconds_to_fail(host, command)))
    thread.start()
    assert in_time(lambda: host.run(Command("[ -e /run/began ]", "looking")).exit_status == 0)
    pulled_s = time.monotonic()
    box.unplug()
    try:
        thread.join(15)
        took_s = time.monotonic() - pulled_s
    finally:
        box.plug()
    box.wait_until_it_answers()
    assert not thread.is_alive()
    assert "a long command" in str(ended[0])
    assert took_s < 8
    assert host.run(WHO).stdout == "root\n"  # by a new connection


@pytest.mark.parametrize("unknown", [1, 2])
def test_both_host_keys_of_a_jump_are_verified(
    connect: Open, lab_boxes: lab.Lab, tmp_path: Path, unknown: int
) -> None:
    empty = tmp_path / "known_hosts"
    empty.touch()
    config = two_hops(tmp_path, lab_boxes, {unknown: empty})
    error, _ = seconds_to_fail(connect("inner", config))
    assert "expected a known host key" in str(error)
    assert empty.read_text() == ""
