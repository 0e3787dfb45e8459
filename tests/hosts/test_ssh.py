"""OpenSSH to real boxes: who one is there, which way one goes, what is cleaned up."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold import lab
from freehold.hosts.command import Command
from freehold.hosts.host import UnreachableError, run_or_raise
from tests.deadline import in_time
from tests.hosts.conftest import Open
from tests.hosts.ssh_configs import two_hops, write_config

WHO = Command("id -un", "asking who")
PLAIN = Command("id -un", "asking who", root=False)


def processes_of(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:  # it ended in the meantime
            continue
    return found


@pytest.mark.parametrize(("user", "plain"), [("admin", "admin"), ("root", "root")])
def test_a_command_runs_as_root_unless_told_not_to(
    connect: Open, lab_boxes: lab.Lab, user: str, plain: str
) -> None:
    host = connect(f"{user}@{lab_boxes.boxes[0].name}")
    assert (host.run(WHO).stdout, host.run(PLAIN).stdout) == ("root\n", f"{plain}\n")


def test_the_address_is_what_openssh_makes_of_the_destination(
    connect: Open, lab_boxes: lab.Lab
) -> None:
    assert connect(lab_boxes.boxes[0].name).address == lab_boxes.boxes[0].address


def test_close_leaves_no_process_and_no_folder(connect: Open, lab_boxes: lab.Lab) -> None:
    host = connect(lab_boxes.boxes[0].name)
    with host.forward(22) as socket:
        folder = socket.parent
        assert folder.stat().st_mode & 0o077 == 0
        assert processes_of(folder)
    host.close()
    assert not folder.exists()
    assert in_time(lambda: not processes_of(folder), 5)


def test_a_closed_host_opens_again(connect: Open, lab_boxes: lab.Lab) -> None:
    host = connect(lab_boxes.boxes[0].name)
    assert host.run(WHO).stdout == "root\n"
    host.close()
    assert host.run(WHO).stdout == "root\n"


def test_a_box_is_reached_through_another(
    connect: Open, lab_boxes: lab.Lab, tmp_path: Path
) -> None:
    host = connect("inner", two_hops(tmp_path, lab_boxes, {}))
    said = run_or_raise(host, Command("hostname; echo $SSH_CLIENT", "a test", root=False)).split()
    assert said[:2] == [lab_boxes.boxes[1].name, lab_boxes.boxes[0].address]


def test_user_and_port_come_from_ssh_config(
    connect: Open, lab_boxes: lab.Lab, tmp_path: Path
) -> None:
    box = lab_boxes.boxes[0]
    direct = connect(f"root@{box.name}")
    unit = "second-sshd"
    serve = f"systemd-run -q --unit={unit} /usr/sbin/sshd -D -p 2222 -o PidFile=none"
    run_or_raise(direct, Command(serve, "a second sshd"))
    try:
        config = write_config(tmp_path, box, "elsewhere", User="guest", Port="2222")
        host = connect("elsewhere", config)
        command = Command("id -un; echo $SSH_CONNECTION", "asking", root=False)
        listens = Command("ss -Hltn 'sport = :2222' | grep -q .", "looking")
        assert in_time(lambda: direct.run(listens).exit_status == 0)
        said = run_or_raise(host, command).split()
        assert (said[0], said[-1]) == ("guest", "2222")
    finally:
        run_or_raise(direct, Command(f"systemctl stop {unit}", "ending it"))


def test_what_pulumi_keeps_in_the_environment_is_not_handed_to_ssh(
    connect: Open, lab_boxes: lab.Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    monkeypatch.setenv("PULUMI_CONFIG", '{"freehold:api_key": "decrypted"}')
    monkeypatch.setenv("ANOTHER", "kept")
    box = lab_boxes.boxes[0]
    # The program that OpenSSH would run for the connection inherits what it has itself.
    config = write_config(tmp_path, box, ProxyCommand=f"sh -c 'env >{seen}; exit'")
    with pytest.raises(UnreachableError):
        connect(box.name, config).run(WHO)
    assert "ANOTHER=kept" in seen.read_text()
    assert "PULUMI" not in seen.read_text()
