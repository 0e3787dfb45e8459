"""The lab on real boxes: what the other tests take for granted of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from freehold import lab
from freehold.errors import FreeholdError

pytestmark = pytest.mark.skipif(lab.unsupported() is not None, reason=str(lab.unsupported()))


@pytest.fixture(scope="module")
def state_dir() -> Path:
    # pytest's own folders are under /tmp, which may be in memory or on overlayfs.
    return lab.default_state_dir().with_name("lab-tests")


@pytest.fixture(scope="module")
def two(state_dir: Path) -> Iterator[lab.Lab]:
    with lab.temporary(2, state_dir) as both:
        yield both


@pytest.fixture
def name(state_dir: Path) -> Iterator[str]:
    own = f"t{os.getpid()}"
    yield own
    lab.down(own, state_dir)


def in_box(box: lab.Box, command: str, user: str = "admin") -> subprocess.CompletedProcess[str]:
    options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=2"]
    argv = box.ssh_argv(command, user=user)
    return subprocess.run([*argv[:1], *options, *argv[1:]], capture_output=True, text=True)


def said(box: lab.Box, command: str, user: str = "admin") -> str:
    done = in_box(box, command, user)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def in_time(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        pass
    return met


def traces(of: lab.Lab) -> list[str]:
    """What there is of a lab outside its state folder: processes, mounts, links, groups."""
    processes = [
        f"process {folder.name}"
        for folder in Path("/proc").glob("[0-9]*")
        if f"{of.folder}/".encode() in cmdline(folder)
    ]
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if of.name in line]
    links = [link.name for link in Path("/sys/class/net").iterdir() if of.short_id in link.name]
    groups = [str(group) for group in Path("/sys/fs/cgroup").glob(f"**/freehold-fh{of.short_id}-*")]
    return [*processes, *mounts, *links, *groups]


def cmdline(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # it ended in the meantime
        return b""


def test_each_box_answers_by_its_name_with_a_verified_host_key(two: lab.Lab) -> None:
    assert [said(box, "hostname") for box in two.boxes] == [box.name for box in two.boxes]
    config = two.ssh_config.read_text()
    assert config.count("StrictHostKeyChecking yes") == len(two.boxes)


def test_a_box_runs_systemd_and_nothing_failed_in_it(two: lab.Lab) -> None:
    state = said(two.boxes[0], "systemctl is-system-running --wait; systemctl --failed --quiet")
    assert state == "running"


def test_a_box_has_python_alone_and_nothing_to_download_with(two: lab.Lab) -> None:
    found = in_box(two.boxes[0], "command -v python3 pip3 curl wget").stdout
    assert found.split() == ["/usr/bin/python3"]


def test_admin_may_do_all_and_guest_nothing_by_sudo(two: lab.Lab) -> None:
    assert said(two.boxes[0], "sudo -n id -un") == "root"
    assert said(two.boxes[0], "id -un", user="root") == "root"
    assert in_box(two.boxes[0], "sudo -n true", user="guest").returncode != 0


def test_boxes_reach_each_other_and_nothing_outside(two: lab.Lab) -> None:
    first, second = two.boxes
    probe = "timeout 5 bash -c 'read -r banner </dev/tcp/{}/22 && echo $banner'"
    assert said(first, probe.format(second.address)).startswith("SSH-2.0")
    assert said(first, "ip -4 route show default") == ""


def test_a_hardened_unit_runs_in_a_box(two: lab.Lab) -> None:
    hardening = (
        "DynamicUser=yes PrivateTmp=yes PrivateDevices=yes PrivateNetwork=yes ProtectSystem=strict "
        "ProtectKernelTunables=yes ProtectControlGroups=yes ProtectProc=invisible ProcSubset=pid "
        "MemoryDenyWriteExecute=yes SystemCallFilter=@system-service CapabilityBoundingSet= "
        "LoadCredential=name:/etc/hostname"
    )
    properties = " ".join(f"-p {one}" for one in hardening.split())
    unit = f"sudo systemd-run --quiet --wait --pipe {properties}"
    first = two.boxes[0]
    assert said(first, f"{unit} sh -c 'cat $CREDENTIALS_DIRECTORY/name'") == first.name


def test_boxes_have_control_groups_of_their_own(two: lab.Lab) -> None:
    first, second = two.boxes
    said(first, "sudo systemd-run --quiet --unit=only-here sleep 600")
    assert said(first, "systemctl is-active only-here") == "active"
    assert in_box(second, "test -e /sys/fs/cgroup/system.slice/only-here.service").returncode == 1
    said(first, "sudo systemctl stop only-here")


def test_a_reboot_changes_the_boot_id_and_keeps_the_disk(two: lab.Lab) -> None:
    box = two.boxes[1]
    boot_id = "cat /proc/sys/kernel/random/boot_id"
    before = said(box, f"sudo touch /kept; {boot_id}")
    in_box(box, "sudo systemctl reboot")
    assert in_time(lambda: in_box(box, boot_id).stdout.strip() not in ("", before))
    assert said(box, "ls /kept") == "/kept"


def test_a_box_counts_its_uptime_from_its_own_start(two: lab.Lab) -> None:
    box = two.boxes[1]
    box.cut_power()
    began_s = time.monotonic()
    box.start()
    up_s = float(said(box, "cat /proc/uptime").split()[0])
    assert up_s < time.monotonic() - began_s + 2  # its start is rounded down to a second


def test_what_a_box_writes_to_its_console_is_kept(two: lab.Lab) -> None:
    box = two.boxes[0]
    said(box, "echo so it is | sudo tee /dev/console")
    lines = (box.folder / "console.log").read_text().splitlines()
    assert "so it is" in [line.strip() for line in lines]


def test_boxes_may_be_laid_out_and_booted_later(name: str, state_dir: Path) -> None:
    box = lab.up(name, 1, state_dir=state_dir, starts=False).boxes[0]
    assert not box.is_running()
    (box.folder / "seed/etc/planted").write_text("before the first start\n")
    box.boot()
    box.wait_until_it_answers()
    assert said(box, "cat /etc/planted") == "before the first start"


def test_an_unplugged_box_is_out_of_reach_and_runs_on(two: lab.Lab) -> None:
    box = two.boxes[1]
    boot_id = said(box, "cat /proc/sys/kernel/random/boot_id")
    box.unplug()
    assert in_box(box, "true").returncode == 255
    box.plug()
    box.wait_until_it_answers()
    assert said(box, "cat /proc/sys/kernel/random/boot_id") == boot_id


def test_a_rotated_host_key_is_refused_until_it_is_restored(two: lab.Lab) -> None:
    box = two.boxes[1]
    box.rotate_host_key()
    refused = in_box(box, "true")
    assert refused.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.stderr
    box.restore_host_key()
    assert said(box, "hostname") == box.name


def test_a_second_up_changes_nothing(two: lab.Lab, state_dir: Path) -> None:
    boot_ids = [said(box, "cat /proc/sys/kernel/random/boot_id") for box in two.boxes]
    progress: list[str] = []
    assert lab.up(two.name, 1, state_dir=state_dir, on_progress=progress.append) == two
    assert progress == []
    assert boot_ids == [said(box, "cat /proc/sys/kernel/random/boot_id") for box in two.boxes]


def test_up_starts_boxes_that_died_or_were_powered_off(two: lab.Lab, state_dir: Path) -> None:
    first, second = two.boxes
    said(first, "sudo touch /kept && sync")
    first.cut_power()
    second.power_off()
    assert not first.is_running()
    assert not second.is_running()
    lab.up(two.name, 2, state_dir=state_dir)
    assert said(first, "ls /kept") == "/kept"
    assert said(second, "hostname") == second.name


def test_labs_stand_side_by_side_and_down_leaves_nothing_of_one(
    two: lab.Lab, name: str, state_dir: Path
) -> None:
    other = lab.up(name, 1, state_dir=state_dir)
    assert {two, other} <= set(lab.list_labs(state_dir))
    assert other.bridge != two.bridge
    assert said(other.boxes[0], "hostname") == f"{name}-1"
    assert traces(other) != []
    lab.down(name, state_dir)
    lab.down(name, state_dir)
    assert traces(other) == []
    assert not other.folder.exists()
    assert said(two.boxes[0], "hostname") == two.boxes[0].name


def test_a_lab_grows(name: str, state_dir: Path) -> None:
    lab.up(name, 1, state_dir=state_dir)
    grown = lab.up(name, 2, state_dir=state_dir)
    assert [said(box, "hostname") for box in grown.boxes] == [f"{name}-1", f"{name}-2"]


def test_a_box_can_be_without_systemd(name: str, state_dir: Path) -> None:
    box = lab.up(name, 1, state_dir=state_dir, init="sshd").boxes[0]
    assert in_box(box, "test -d /run/systemd/system").returncode == 1
    assert said(box, "sudo -n id -un") == "root"
    with pytest.raises(FreeholdError, match="its boxes run sshd, not systemd"):
        lab.up(name, 1, state_dir=state_dir)


MOMENTS = ["lab.json", "known_hosts", "{name}-1/upper", "{name}-1/pid"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_up_that_was_killed_is_finished_by_the_next(
    name: str, state_dir: Path, moment: str
) -> None:
    kill_up(name, state_dir, moment)
    box = lab.up(name, 1, state_dir=state_dir).boxes[0]
    assert said(box, "hostname") == box.name


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_up_that_was_killed_is_taken_down(name: str, state_dir: Path, moment: str) -> None:
    kill_up(name, state_dir, moment)
    (half,) = (one for one in lab.list_labs(state_dir) if one.name == name)
    lab.down(name, state_dir)
    assert not half.folder.exists()
    assert in_time(lambda: traces(half) == []), traces(half)


def kill_up(name: str, state_dir: Path, moment: str) -> None:
    """Start an `up` and kill it as soon as that file is there."""
    call = f"lab.up({name!r}, 1, state_dir=Path({str(state_dir)!r}))"
    program = f"from pathlib import Path; from freehold import lab; {call}"
    mark = state_dir / name / moment.format(name=name)
    with subprocess.Popen([sys.executable, "-c", program], start_new_session=True) as starting:
        assert in_time(mark.exists)
        starting.send_signal(signal.SIGKILL)


def test_a_box_that_does_not_start_says_why_from_its_console(name: str, state_dir: Path) -> None:
    box = lab.up(name, 1, state_dir=state_dir).boxes[0]
    said(box, "sudo rm /etc/os-release /usr/lib/os-release && sync")
    box.cut_power()
    with pytest.raises(FreeholdError) as error:
        box.start()
    (problem,) = error.value.problems
    assert problem.place == box.name
    assert "stopped while it was starting" in problem.message
    assert "os-release file is missing" in problem.message


@pytest.mark.parametrize("bad", ["", "Lab", "a_b", "-a", "a" * 32])
def test_a_name_that_no_host_may_have_is_refused(bad: str, state_dir: Path) -> None:
    with pytest.raises(FreeholdError, match="lab: name: expected small letters"):
        lab.up(bad, 1, state_dir=state_dir)


def test_down_leaves_a_folder_alone_that_is_no_lab(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/cat").write_text("a cat")
    with pytest.raises(FreeholdError, match="not a lab, left alone"):
        lab.down("photos", tmp_path)
    with pytest.raises(FreeholdError, match="name: expected small letters"):
        lab.down("../photos", tmp_path)
    assert (tmp_path / "photos/cat").read_text() == "a cat"


@pytest.mark.parametrize("bad", [0, -1, 100])
def test_a_number_of_boxes_that_does_not_fit_is_refused(bad: int, state_dir: Path) -> None:
    with pytest.raises(FreeholdError, match="lab: count: expected 1 to 99"):
        lab.up("a", bad, state_dir=state_dir)
