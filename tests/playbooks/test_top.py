"""`fab node.top` on a real box, whose sensors and GPUs are stand-ins."""

from __future__ import annotations

import os
import pty
import signal
import subprocess

import pytest

from freehold import lab
from tests.deadline import in_time
from tests.infra.on_box import on
from tests.infra.stack import ROOT, Stack
from tests.playbooks.conftest import Fab
from tests.warden.stand_in import NVIDIA, gpu, nvidia_on, sensors_on


def test_a_node_without_sensors_and_gpus_is_told_on_a_few_lines(fab: Fab, stack: Stack) -> None:
    said = fab("node.top", stack=stack).must().lines
    assert [line.split()[0] for line in said] == ["one", "disk", "warmth", "server"]
    assert " threads, memory " in said[0]
    assert "GB free of" in said[1]
    assert "ready, 0 being answered, none waiting" in said[3]


def test_json_has_the_numbers_of_the_node_and_its_server(
    fab: Fab, stack: Stack, box: lab.Box
) -> None:
    fab("service.ask", "Hello", "--max-tokens", "5", stack=stack).must()
    with (
        sensors_on(box, {"coretemp/Package id 0": 71, "nvme/Composite": "x"}),
        nvidia_on(box, gpu(0), gpu(1, reasons="0x0000000000000060")),
    ):
        found = fab("node.top", "--json", stack=stack).must().json()
    assert (found["node"], found["server_state"]) == ("one", "ready")
    assert found["server"]["predicted_tokens"] >= 1
    assert found["temperatures"][0] == {"name": "coretemp/Package id 0", "celsius": 71, "why": None}
    assert found["temperatures"][1]["why"] == "no number"
    assert [each["held_back_by"] for each in found["gpus"]] == [
        ["power cap"],
        ["thermal, by software", "thermal, by hardware"],
    ]
    assert found["since_last"]["rates"] is not None


def test_a_hanging_nvidia_smi_is_said_and_holds_up_nothing(
    fab: Fab, stack: Stack, box: lab.Box
) -> None:
    with nvidia_on(box, gpu(0)):
        on(box, f"touch {NVIDIA}/hangs")
        said = fab("node.top", "--once", stack=stack).must()
    assert "nvidia-smi did not answer in 10 s" in said.out
    assert "server   ready" in said.out
    assert on(box, "pgrep -x nvidia-smi || true") == ""


def test_a_server_that_is_down_and_a_host_that_is_silent_are_said(
    fab: Fab, stack: Stack, lab_boxes: lab.Lab
) -> None:
    fab("service.stop", stack=stack).must()
    try:
        said = fab("-H", "one,no-such-host.invalid", "node.top", stack=stack).must(1)
    finally:
        fab("service.start", stack=stack).must()
    assert "server   silent" in said.out
    assert "no-such-host.invalid  FAILED  connecting: " in said.out


def test_nothing_is_left_of_it_on_the_box(fab: Fab, stack: Stack, box: lab.Box) -> None:
    before = on(box, "ls -A /tmp /root /var/lib/freehold /run")
    fab("node.top", stack=stack).must()
    assert on(box, "ls -A /tmp /root /var/lib/freehold /run") == before


@pytest.mark.parametrize("wrong", ["0", "fast", "-1"])
def test_an_interval_that_is_none_is_refused(fab: Fab, stack: Stack, wrong: str) -> None:
    said = fab("node.top", f"--interval={wrong}", stack=stack).must(1)
    assert "--interval: expected a whole number of at least 1" in said.err


def test_in_a_terminal_it_goes_on_until_it_is_interrupted(stack: Stack) -> None:
    ours, theirs = pty.openpty()
    env = {**os.environ, **stack.env, "TERM": "xterm", "COLUMNS": "160", "LINES": "40"}
    process = subprocess.Popen(
        ["fab", "node.top", "--interval", "1"],
        cwd=ROOT, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    os.set_blocking(ours, False)
    seen = bytearray()

    def read() -> bool:
        try:
            seen.extend(os.read(ours, 65_536))
        except OSError:  # nothing to read now, or the terminal is gone
            return False
        return True

    def has_drawn_twice() -> bool:
        read()
        return (
            seen.count(b"tokens since its start") >= 2
            and seen.count(b"read: ") + seen.count(b"nothing read") >= 1
        )

    try:
        assert in_time(has_drawn_twice, 60), seen.decode(errors="replace")
        os.killpg(process.pid, signal.SIGINT)

        def has_ended() -> bool:
            read()
            return process.poll() is not None

        assert in_time(has_ended, 30)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert process.returncode == 0
    assert b"Traceback" not in seen
