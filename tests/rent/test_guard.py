"""What the node's own switch decides, on a machine that is a folder, from its lease and its use."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from freehold.render.service import NoContext
from freehold.render.templates import render
from freehold.rent.guard import SCRIPT_PATH

PID = 4711
UP_S = 5000
DAY_S = 86_400
IDLE_S = 600
ENDS = ["--no-block poweroff", "poweroff --force --force"]
"""What systemctl is told: to shut down, and where that hangs to be off at once."""

SYSTEMCTL = """\
#!/bin/sh
case "$*" in
*ActiveState*) cat {root}/task ;;
*MainPID*) echo {pid} ;;
*) echo "$*" >>{root}/told ;;
esac
"""


@dataclass
class Machine:
    """A folder as a machine's root. What it moves and computes is what `proc` says."""

    root: Path

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def lease(self, deadline_s: float, lasts_s: int = DAY_S, idle_s: int = 0) -> None:
        """`deadline_s` is from now."""
        text = f"{int(time.time() + deadline_s)} {lasts_s} {idle_s}\n# of no account\n"
        self.write("etc/freehold/lease", text)

    def up(self, seconds: int) -> None:
        self.write("proc/uptime", f"{seconds}.23 1.00\n")

    def work(self, ticks: int = 0, sectors: int = 0, received_bytes: int = 0) -> None:
        """Of the server's processor time, of its disks and of the network, since the start."""
        self.write(f"proc/{PID}/stat", f"{PID} (llama-server) S{' 0' * 10} {ticks} 0 0\n")
        self.write("proc/diskstats", f" 8 0 sda 1 0 {sectors} 0\n")
        traffic = f"  lo: 999999999999 0\n  ens5: {received_bytes} 0\n"
        self.write("proc/net/dev", f"Inter-| Receive\n{traffic}")

    def look(self) -> str:
        """What one look at the lease says."""
        done = subprocess.run(
            ["/bin/sh", self.root / "script"],
            env={
                "PATH": f"{self.root}/bin:/usr/bin:/bin",
                "FREEHOLD_ROOT": str(self.root),
                "FREEHOLD_HANG_S": "0",
            },
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert done.stderr == ""
        return done.stdout

    def looks(self, *, at_s: int) -> str:
        """The same, so long after the start."""
        self.up(at_s)
        return self.look()

    @property
    def told(self) -> list[str]:
        """What systemctl was told to do."""
        found = self.root / "told"
        return found.read_text().splitlines() if found.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One that has been up for a while, with a lease of a day, and without a server or a task."""
    found = Machine(tmp_path)
    found.write("script", render(SCRIPT_PATH, NoContext()))
    found.write("bin/systemctl", SYSTEMCTL.format(root=tmp_path, pid=PID))
    (tmp_path / "bin/systemctl").chmod(0o755)
    found.write("task", "inactive\n")
    found.up(UP_S)
    found.work()
    found.lease(DAY_S / 2)
    return found


def test_a_lease_that_runs_ends_nothing(machine: Machine) -> None:
    assert machine.look() == ""
    assert machine.told == []


def test_a_lease_that_is_over_ends_it_and_a_shutdown_that_hangs_is_cut_short(
    machine: Machine,
) -> None:
    machine.lease(-1)
    assert machine.look().splitlines()[0] == (
        "freehold-lease: the lease is over: this machine ends itself"
    )
    assert machine.told == ENDS


def test_a_clock_that_was_set_back_does_not_prolong_it(machine: Machine) -> None:
    machine.lease(10 * DAY_S, lasts_s=UP_S)
    assert "it has been up for as long as the lease lasts" in machine.look()
    assert machine.told == ENDS


@pytest.mark.parametrize(
    "text", ["", "\n", "soon 1 2\n", "-1 86400 0\n", "99999999999 86400\n", "9999999999999 1 0\n"]
)
def test_a_lease_that_cannot_be_read_is_over(machine: Machine, text: str) -> None:
    machine.write("etc/freehold/lease", text)
    assert "the lease cannot be read" in machine.look()
    assert machine.told == ENDS


def test_a_lease_that_is_gone_is_over(machine: Machine) -> None:
    (machine.root / "etc/freehold/lease").unlink()
    assert "the lease cannot be read" in machine.look()
    assert machine.told == ENDS


@pytest.fixture
def idling(machine: Machine) -> Machine:
    """One that ends after ten minutes without use, and was looked at once."""
    machine.lease(DAY_S / 2, idle_s=IDLE_S)
    assert machine.look() == ""
    return machine


def test_without_use_it_ends_after_its_time_and_not_before(idling: Machine) -> None:
    assert idling.looks(at_s=UP_S + IDLE_S - 1) == ""
    assert "nobody has used it for 10 minutes" in idling.looks(at_s=UP_S + IDLE_S)
    assert idling.told == ENDS


def test_without_a_limit_it_idles_for_ever(machine: Machine) -> None:
    machine.look()
    assert machine.looks(at_s=UP_S + 10 * IDLE_S) == ""


@pytest.mark.parametrize("state", ["active", "activating", "deactivating"])
def test_a_task_is_use(idling: Machine, state: str) -> None:
    idling.write("task", f"{state}\n")
    assert idling.looks(at_s=UP_S + 2 * IDLE_S) == ""
    idling.write("task", "inactive\n")
    assert idling.looks(at_s=UP_S + 3 * IDLE_S - 1) == ""
    assert "nobody has used it" in idling.looks(at_s=UP_S + 3 * IDLE_S)


@pytest.mark.parametrize(
    "work", [{"ticks": 101}, {"sectors": 17 * 2048}, {"received_bytes": 17 << 20}]
)
def test_weights_on_their_way_and_a_load_are_use(idling: Machine, work: dict[str, int]) -> None:
    idling.work(**work)
    assert idling.looks(at_s=UP_S + 2 * IDLE_S) == ""
    assert "nobody has used it" in idling.looks(at_s=UP_S + 3 * IDLE_S)


@pytest.mark.parametrize(
    "work", [{"ticks": 100}, {"sectors": 16 * 2048}, {"received_bytes": 16 << 20}]
)
def test_what_every_idle_machine_does_is_no_use(idling: Machine, work: dict[str, int]) -> None:
    idling.work(**work)
    assert "nobody has used it" in idling.looks(at_s=UP_S + IDLE_S)


class Server(HTTPServer):
    """A llama-server's /metrics; `asked` are the keys that it was asked with."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Metrics)
        self.processing, self.decoded, self.status = 0, 0, 200
        self.asked: list[str | None] = []


class Metrics(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.headers["Authorization"])
        self.send_response(self.server.status)
        self.end_headers()
        if self.path == "/metrics":
            lines = (
                "# TYPE llamacpp:tokens_predicted_total counter",
                f"llamacpp:tokens_predicted_total {self.server.decoded}",
                f"llamacpp:requests_processing {self.server.processing}",
                "llamacpp:requests_deferred 0",
            )
            self.wfile.write("".join(f"{line}\n" for line in lines).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def serving(machine: Machine) -> Iterator[Server]:
    """The server of a machine that ends after ten minutes without use, and was looked at twice:
    a server that was not there before is use."""
    with Server() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        words = ["llama-server", "--host", "127.0.0.1", "--port", str(server.server_port)]
        words += ["--api-key-file", str(machine.root / "key")]
        machine.write(f"proc/{PID}/cmdline", "\0".join([*words, ""]))
        machine.write("key", "sk-of-the-node\n")
        machine.lease(DAY_S / 2, idle_s=IDLE_S)
        machine.looks(at_s=UP_S)
        machine.looks(at_s=UP_S)
        yield server
        server.shutdown()


def test_a_request_since_the_last_look_is_use(machine: Machine, serving: Server) -> None:
    serving.decoded = 1
    assert machine.looks(at_s=UP_S + 2 * IDLE_S) == ""
    assert "nobody has used it" in machine.looks(at_s=UP_S + 3 * IDLE_S)
    assert set(serving.asked) == {"Bearer sk-of-the-node"}


def test_a_request_that_is_being_answered_is_use(machine: Machine, serving: Server) -> None:
    serving.processing = 1
    assert machine.looks(at_s=UP_S + 2 * IDLE_S) == ""
    assert machine.looks(at_s=UP_S + 4 * IDLE_S) == ""


def test_a_server_that_nobody_asks_is_idle_whatever_it_computes(
    machine: Machine, serving: Server
) -> None:
    machine.work(ticks=10**6)
    assert "nobody has used it" in machine.looks(at_s=UP_S + IDLE_S)


def test_a_server_that_does_not_tell_is_judged_by_what_it_does(
    machine: Machine, serving: Server
) -> None:
    serving.status = 503
    machine.work(ticks=10**6)
    assert machine.looks(at_s=UP_S + 2 * IDLE_S) == ""
    assert "nobody has used it" in machine.looks(at_s=UP_S + 3 * IDLE_S)
