"""Tasks on a lab box, as the tests have them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from freehold import lab
from freehold.hosts.command import Command
from freehold.hosts.host import Host, run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.job.follow import Follower
from freehold.render.paths import KEY_PATH
from freehold.rent.inputs import Input
from freehold.rent.task import TASK, WORK_FOLDER, Task, clear, start, unit_text

KEY = "a-key-of-the-tests-0123456789"
PORT = 8098
MODEL = "a model"
BEGAN = "20261124T120000Z"
WAIT = "until [ -e go ]; do sleep 0.05; done"
"""Of a task: until `let_go`."""


def out(host: Host, script: str) -> str:
    """stdout of what root runs there; it must succeed."""
    return run_or_raise(host, Command(script, "a test", (KEY,))).strip()


@contextlib.contextmanager
def keyed(host: Host) -> Iterator[Host]:
    """A node with a server's key and no task, for as long as the block lasts."""
    out(host, f"install -m 600 -D /dev/stdin {KEY_PATH} <<'.'\n{KEY}\n.")
    clear(host)
    try:
        yield host
    finally:
        clear(host)
        out(host, f"rm -f {KEY_PATH} && rmdir {KEY_PATH.rpartition('/')[0]} 2>/dev/null || true")


def open_box(box: lab.Box, silent_after_s: int = 3) -> SshHost:
    """A connection of the caller's own, which notices soon that the box is silent."""
    settings = SshSettings(box.ssh_config, connect_timeout_s=2, silent_after_s=silent_after_s)
    return SshHost(box.name, box.name, settings)


def begin(host: Host, line: str, inputs: Sequence[Input] = (), model: str = MODEL) -> Task:
    """One that has begun."""
    task = Task(line, tuple(inputs))
    start(host, task, unit_text(task, PORT, model), BEGAN)
    return task


def let_go(host: Host) -> None:
    """Go on after WAIT; over a connection of its own."""
    with host.another() as other:
        out(other, f"touch {WORK_FOLDER}/go")


@dataclass
class Heard:
    """What came of following a task, whose pauses take no time."""

    output: bytes = b""
    ended: str = ""
    lost: list[str] = field(default_factory=list)
    paused_s: list[float] = field(default_factory=list)

    def take(self, data: bytes) -> None:
        """What the task has written."""
        self.output += data

    def lose(self, why: str) -> None:
        """The connection was lost."""
        self.lost.append(why)

    def follow(self, host: Host) -> Heard:
        """Until its end."""
        follower = Follower(self.take, TASK)
        self.ended = follower.follow(host, self.lose, self.paused_s.append, lambda: False)
        return self


def followed(host: Host) -> tuple[str, str]:
    """Its output, and how it ended, without the time."""
    heard = Heard().follow(host)
    return heard.output.decode(), " ".join(heard.ended.split()[:2])


def ran(host: Host, line: str, inputs: Sequence[Input] = ()) -> tuple[str, str]:
    """The same of a task that is begun by this."""
    begin(host, line, inputs)
    return followed(host)


@contextlib.contextmanager
def serving(host: Host, program: str) -> Iterator[None]:
    """A Python program that runs on the node, and has begun to listen at PORT of its loopback."""
    unit = "fh-test-server"
    begin_it = f"systemd-run -q --unit={unit} --collect python3 -c '{program}'"
    listens = f"until ss -Hltn 'sport = :{PORT}' | grep -q .; do sleep 0.05; done"
    out(host, f'{begin_it}\ntimeout 20 sh -c "{listens}"')
    try:
        yield
    finally:
        out(host, f"systemctl stop {unit} 2>/dev/null || true")
