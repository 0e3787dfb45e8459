"""Following a task on a real box: each byte once, over connections that break."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest

from freehold import lab
from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, UnreachableError
from freehold.hosts.ssh import SshHost
from freehold.job.follow import CHUNK_BYTES, PAUSE_MAX_S, PAUSE_S, Follower
from freehold.rent.task import TASK
from tests.hosts.fake import FakeHost
from tests.rent.masters import end_master
from tests.rent.tasks import Heard, begin, followed, let_go, open_box

LINES = "".join(f"{number}\n" for number in range(1, 400_001)).encode()
SEQ = "seq 1 400000"
"""What writes LINES, more than two chunks of them."""


def test_a_long_output_comes_from_its_first_byte_to_its_last(node: Host) -> None:
    assert len(LINES) > 2 * CHUNK_BYTES
    begin(node, SEQ)
    assert Heard().follow(node).output == LINES


def test_what_is_no_text_comes_as_it_is(node: Host) -> None:
    begin(node, r"printf 'a\0b\377\r\n'; printf 'to the other' >&2; printf 'no end'")
    assert Heard().follow(node).output == b"a\0b\xff\r\nto the otherno end"


def test_one_that_has_long_ended_is_followed_from_its_first_byte(node: Host) -> None:
    begin(node, "echo one; echo two; exit 4")
    assert followed(node) == followed(node) == ("one\ntwo\n", "exited 4")


def test_what_it_writes_is_heard_while_it_runs(node: Host) -> None:
    """Were it not, nobody would let it go on, and it would end otherwise."""
    begin(
        node,
        "printf first; for _ in $(seq 400); do [ -e go ] && break; sleep 0.05; done; "
        "[ -e go ] && printf second",
    )
    heard: list[bytes] = []

    def hear(data: bytes) -> None:
        if not heard:
            let_go(node)
        heard.append(data)

    ended = Follower(hear, TASK).follow(node, print, print, lambda: False)
    assert heard == [b"first", b"second"]
    assert ended.startswith("exited 0 ")


class Cutting(Heard):
    """Does something once, when so many bytes have come; something else when the loss is told."""

    def __init__(
        self, after_bytes: int, cut: Callable[[], object], mend: Callable[[], object] = bool
    ) -> None:
        super().__init__()
        self._after, self._cut, self._mend = after_bytes, cut, mend

    def take(self, data: bytes) -> None:
        super().take(data)
        if 0 < self._after <= len(self.output):
            self._after = 0
            self._cut()

    def lose(self, why: str) -> None:
        super().lose(why)
        self._mend()


TWO_PARTS = f"{SEQ}; until [ -e go ]; do sleep 0.05; done; {SEQ}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("after_bytes", [1, CHUNK_BYTES, len(LINES)])
def test_a_connection_that_is_cut_costs_no_byte_and_doubles_none(
    frail: SshHost, number: signal.Signals, after_bytes: int
) -> None:
    begin(frail, TWO_PARTS)
    cutting = Cutting(after_bytes, lambda: end_master(frail, number), lambda: let_go(frail))
    cutting.follow(frail)
    assert cutting.output == LINES + LINES
    assert cutting.ended.startswith("exited 0 ")
    assert len(cutting.lost) == 1
    assert cutting.paused_s == [PAUSE_S]  # it had come further


def test_a_cable_that_is_pulled_stops_it_only_until_it_is_back(
    frail: SshHost, lab_boxes: lab.Lab
) -> None:
    box = lab_boxes.boxes[1]

    def mend() -> None:
        box.plug()
        let_go(frail)

    begin(frail, TWO_PARTS)
    cutting = Cutting(CHUNK_BYTES, box.unplug, mend).follow(frail)
    assert cutting.output == LINES + LINES
    assert cutting.ended.startswith("exited 0 ")
    assert cutting.lost


def test_a_node_that_loses_its_power_has_lost_the_task(frail: SshHost, lab_boxes: lab.Lab) -> None:
    box = lab_boxes.boxes[1]
    begin(frail, "echo begun; until [ -e go ]; do sleep 0.05; done")
    cutting = Cutting(1, box.cut_power, box.start).follow(frail)
    assert (cutting.output, cutting.ended) == (b"begun\n", "lost")
    assert cutting.lost


def test_a_node_that_will_not_come_back_is_waited_for_no_longer(
    frail: SshHost, lab_boxes: lab.Lab
) -> None:
    begin(frail, "echo begun; until [ -e go ]; do sleep 0.05; done")
    cutting = Cutting(1, lab_boxes.boxes[1].cut_power)
    follower = Follower(cutting.take, TASK)
    with pytest.raises(UnreachableError):
        follower.follow(frail, cutting.lose, cutting.paused_s.append, lambda: True)
    assert (cutting.output, cutting.lost, cutting.paused_s) == (b"begun\n", [], [])


def test_one_who_is_cancelled_is_no_loss_of_a_connection(node: Host, lab_boxes: lab.Lab) -> None:
    begin(node, "echo begun; until [ -e go ]; do sleep 0.05; done; echo more")
    with contextlib.closing(open_box(lab_boxes.boxes[0])) as watcher:
        cutting = Cutting(1, watcher.cancel)
        with pytest.raises(UnreachableError, match="cancelled"):
            cutting.follow(watcher)
    assert (cutting.lost, cutting.paused_s) == ([], [])
    # The task goes on without who watched it, and another hears all of it.
    let_go(node)
    assert followed(node) == ("begun\nmore\n", "exited 0")


def test_one_that_is_taken_up_by_the_same_follower_goes_on_where_it_was(
    node: Host, lab_boxes: lab.Lab
) -> None:
    begin(node, "echo begun; until [ -e go ]; do sleep 0.05; done; echo more")
    with contextlib.closing(open_box(lab_boxes.boxes[0])) as watcher:
        cutting = Cutting(1, watcher.cancel)
        follower = Follower(cutting.take, TASK)
        with pytest.raises(UnreachableError):
            follower.follow(watcher, print, print, lambda: False)
    let_go(node)
    follower.follow(node, print, print, lambda: False)
    assert cutting.output == b"begun\nmore\n"


def test_a_node_without_a_task_is_an_error_and_not_waited_for(node: Host) -> None:
    heard = Heard()
    with pytest.raises(HostError, match="node-1: following the task: exit 2"):
        heard.follow(node)
    assert heard.paused_s == []


class Silent(FakeHost):
    """A host that is never reached."""

    def talk(self, _command: Command) -> NoReturn:
        """See Host.talk."""
        raise UnreachableError.of(self.name, "the host is silent\nand so on")


@pytest.fixture
def silent() -> Iterator[Silent]:
    with contextlib.closing(Silent()) as host:
        yield host


def test_pauses_grow_to_half_a_minute_and_each_loss_is_told_in_a_line(silent: Silent) -> None:
    heard = Heard()
    follower = Follower(heard.take, TASK)
    with pytest.raises(UnreachableError, match="silent"):
        follower.follow(silent, heard.lose, heard.paused_s.append, lambda: len(heard.paused_s) == 6)
    assert heard.paused_s == [4, 8, 16, PAUSE_MAX_S, PAUSE_MAX_S, PAUSE_MAX_S]
    assert set(heard.lost) == {"the host is silent"}
