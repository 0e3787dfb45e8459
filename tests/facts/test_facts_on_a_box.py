"""Facts of a real box, against what the box itself says by other means."""

from __future__ import annotations

import time

import pytest

from freehold import lab
from freehold.facts.box import BOX
from freehold.facts.fact import gather
from freehold.facts.file import FileFacts, file_fact
from freehold.facts.unit import unit_fact
from freehold.hosts.command import Command
from freehold.hosts.host import HostError, run_or_raise
from freehold.hosts.ssh import SshHost


def out(host: SshHost, script: str) -> str:
    return run_or_raise(host, Command(script, "a test")).strip()


def test_a_box_is_what_it_is(ssh_host: SshHost, lab_boxes: lab.Lab) -> None:
    box = gather(ssh_host, [BOX])[0]
    assert box.os == out(ssh_host, ". /etc/os-release; echo $PRETTY_NAME")
    assert box.systemd_version == int(out(ssh_host, "systemctl --version").split()[1])
    assert box.arch == out(ssh_host, "uname -m")
    assert box.machine_id == out(ssh_host, "cat /etc/machine-id")
    assert 1 <= box.cores <= box.threads == int(out(ssh_host, "nproc"))
    assert 0 < box.memory_available_bytes < box.memory_bytes
    assert 0 < box.disk_available_bytes < box.disk_bytes
    assert abs(box.clock_s - time.time()) < 60
    assert box.missing_tools == ()


def test_a_unit_with_its_files_and_port_is_what_it_is(ssh_host: SshHost) -> None:
    watched = ("/etc/ssh/sshd_config", "/etc/nothing")
    ssh, absent = gather(
        ssh_host, [unit_fact("ssh.service", watched, 22), unit_fact("no-such.service", (), 9)]
    )
    assert (ssh.load_state, ssh.active_state, ssh.is_enabled) == ("loaded", "active", True)
    assert ssh.main_pid == int(out(ssh_host, "systemctl show -P MainPID ssh.service"))
    assert 0 <= time.time() - ssh.started_at_s < 3600
    file = ssh.watched["/etc/ssh/sshd_config"]
    assert file.sha256 == out(ssh_host, "sha256sum /etc/ssh/sshd_config").split()[0]
    assert ssh.watched["/etc/nothing"] is None
    assert ssh.is_stale("/etc/nothing")
    assert not ssh.is_stale("/etc/ssh/sshd_config")
    assert ssh.port_holder is None
    assert (absent.load_state, absent.is_running) == ("not-found", False)


def test_a_strangers_port_is_seen_with_and_without_ss(ssh_host: SshHost) -> None:
    fact = unit_fact("no-such.service", (), 22)
    assert "sshd" in gather(ssh_host, [fact])[0].port_holder
    hide = "m=$(command -v ss); mount --bind /bin/false $m"
    without = Command(f"{hide}; {fact.script}; umount $m", "without ss")
    assert fact.parse(run_or_raise(ssh_host, without)).port_holder == "another program"


def test_a_file_comes_with_its_mode_owner_and_bytes(ssh_host: SshHost) -> None:
    make = "printf 'a\\000\\377\\n\\n' >/run/t-file"
    out(ssh_host, f"{make}; chown admin:daemon /run/t-file; chmod 640 /run/t-file")
    found, absent = gather(ssh_host, [file_fact("/run/t-file"), file_fact("/no/such/file")])
    assert found == FileFacts("0640", "admin:daemon", b"a\x00\xff\n\n")
    assert absent is None


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        ("mkdir /run/t-odd", "directory"),
        ("ln -s /etc/hostname /run/t-odd", "symbolic link"),
        ("ln -s /no/such/file /run/t-odd", "symbolic link"),
        ("mkfifo /run/t-odd", "fifo"),
    ],
)
def test_what_is_no_regular_file_raises(ssh_host: SshHost, make: str, kind: str) -> None:
    out(ssh_host, make)
    try:
        with pytest.raises(HostError, match=kind):
            gather(ssh_host, [file_fact("/run/t-odd")])
    finally:
        out(ssh_host, "rm -r /run/t-odd")


def test_below_a_file_there_is_nothing(ssh_host: SshHost) -> None:
    assert gather(ssh_host, [file_fact("/etc/hostname/below")]) == [None]
