"""Signals to a run: the first ends what is under way, the second leaves, a hang-up has a log."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from invoke.exceptions import Exit

from playbooks.interrupts import SIGNALS, Interrupts
from tests.deadline import in_time

ROOT = Path(__file__).parents[2]
LAST_WORDS = "it goes on billing"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


@pytest.fixture
def interrupts(log: Path) -> Iterator[Interrupts]:
    """With handlers in place; SIGHUP would turn pytest's own output to the log."""
    with Interrupts(lambda: LAST_WORDS, log) as made:
        yield made


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_the_first_signal_ends_what_is_under_way_and_the_run_goes_on(
    interrupts: Interrupts, number: signal.Signals, code: int
) -> None:
    ended: list[str] = []
    assert not interrupts.is_asked
    with (
        interrupts.ending(lambda: ended.append("outer")),
        interrupts.ending(lambda: ended.append("inner")),
    ):
        signal.raise_signal(number)
        assert ended == ["outer", "inner"]
    assert interrupts.is_asked
    assert interrupts.exit_code == code
    assert ended == ["outer", "inner"]


def test_what_is_done_is_not_ended(interrupts: Interrupts) -> None:
    ended: list[str] = []
    with interrupts.ending(lambda: ended.append("done")):
        pass
    signal.raise_signal(signal.SIGINT)
    assert ended == []


def test_what_begins_after_it_is_ended_at_its_beginning(interrupts: Interrupts) -> None:
    signal.raise_signal(signal.SIGINT)
    ended: list[str] = []
    with interrupts.ending(lambda: ended.append("late")):
        assert ended == ["late"]
    assert ended == ["late"]


class Hurried(Interrupts):
    """The first signal comes just as something begins."""

    has_come = False

    @property
    def is_asked(self) -> bool:
        """See Interrupts."""
        if not self.has_come:
            self.has_come = True
            signal.raise_signal(signal.SIGINT)
        return super().is_asked


def test_what_begins_at_that_moment_is_ended_once(log: Path) -> None:
    ended: list[str] = []
    with (
        Hurried(lambda: LAST_WORDS, log) as interrupts,
        interrupts.ending(lambda: ended.append("ended")),
    ):
        assert ended == ["ended"]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_the_second_signal_leaves_at_once_with_the_last_words(
    interrupts: Interrupts, number: signal.Signals, code: int
) -> None:
    signal.raise_signal(signal.SIGINT)
    ended: list[str] = []
    with interrupts.ending(lambda: ended.append("once")):
        with pytest.raises(Exit) as left:
            signal.raise_signal(number)
        assert ended == ["once"]
    assert (left.value.message, left.value.code) == (LAST_WORDS, code)
    assert interrupts.exit_code == 130


def test_the_first_says_what_happens_and_how_to_leave(
    interrupts: Interrupts, capfd: pytest.CaptureFixture[str]
) -> None:
    signal.raise_signal(signal.SIGTERM)
    said = "\nSIGTERM: ending it and tearing down; again to leave at once\n"
    assert capfd.readouterr().err == said


def test_afterwards_signals_mean_what_they_did_before(log: Path) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interrupts(lambda: LAST_WORDS, log):
        assert all(signal.getsignal(number) not in before for number in SIGNALS)
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert not log.exists()


PROGRAM = """\
import os, pathlib, signal, subprocess, sys
from invoke.exceptions import Exit
from playbooks.interrupts import Interrupts

reader, writer = os.pipe()
def go_on(*_):
    os.write(writer, b"x")

def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()

signal.signal(signal.SIGUSR1, go_on)
try:
    with Interrupts(lambda: "last words", pathlib.Path(sys.argv[1])) as interrupts:
        with interrupts.ending(go_on):
            say("waiting")
            os.read(reader, 1)
        say("asked:", interrupts.is_asked, interrupts.exit_code)
        subprocess.run(["sh", "-c", "echo of a child; echo its error >&2"])
        say("teardown begun")
        os.read(reader, 1)
        say("torn down")
except Exit as left:
    say(left.message)
    sys.exit(left.code)
"""
"""It waits twice, for a signal that ends the first or for SIGUSR1."""


class Run:
    """The program above in a process of its own, with a pipe or a terminal to speak to."""

    def __init__(self, log: Path, *, has_terminal: bool, is_nohup: bool = False) -> None:
        self.log = log
        self._reader, writer = pty.openpty() if has_terminal else os.pipe()

        def prepare() -> None:
            if is_nohup:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)

        argv = [sys.executable, "-c", PROGRAM, str(log)]
        if has_terminal:
            # A session whose terminal this is: its kernel says when it goes away.
            argv = ["setsid", "--ctty", "--wait", *argv]
        self.process = subprocess.Popen(
            argv,
            cwd=ROOT,
            stdin=writer if has_terminal else subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            preexec_fn=prepare,
        )
        os.close(writer)
        self.said = ""
        self.until("waiting")

    def until(self, words: str) -> None:
        """Read what it says until it has said that."""
        while words not in self.said:
            data = os.read(self._reader, 1 << 16)
            assert data, self.said
            self.said += data.decode()

    def close(self) -> None:
        """Nobody reads it any more."""
        os.close(self._reader)

    def until_logged(self, words: str) -> None:
        """Wait until that is in the log."""
        assert in_time(lambda: self.log.exists() and words in self.log.read_text())

    def send(self, number: signal.Signals) -> None:
        """As `kill` does."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Nobody waits for it longer; its exit code, if it had ended by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        return self.process.wait()


@pytest.fixture
def run(log: Path) -> Iterator[Callable[..., Run]]:
    """Begins one, which ends with the test."""
    begun: list[Run] = []

    def begin(*, has_terminal: bool = False, is_nohup: bool = False) -> Run:
        begun.append(Run(log, has_terminal=has_terminal, is_nohup=is_nohup))
        return begun[-1]

    yield begin
    for each in begun:
        each.process.kill()
        each.process.wait()


LOGGED = """\

SIGHUP: ending it and tearing down; again to leave at once
asked: True 129
of a child
its error
teardown begun
"""


def test_a_terminal_that_goes_away_ends_what_is_under_way_and_the_rest_is_said_to_the_log(
    run: Callable[..., Run],
) -> None:
    one = run(has_terminal=True)
    one.close()
    one.until_logged("teardown begun")
    assert one.log.read_text() == LOGGED
    one.send(signal.SIGUSR1)
    assert one.end() == 0
    assert one.log.read_text() == f"{LOGGED}torn down\n"


def test_a_terminal_that_goes_away_says_so_more_than_once_and_that_is_one_signal(
    run: Callable[..., Run],
) -> None:
    one = run()
    one.send(signal.SIGHUP)
    one.until_logged("teardown begun")
    one.send(signal.SIGHUP)
    one.send(signal.SIGUSR1)
    assert one.end() == 0
    assert one.log.read_text() == f"{LOGGED}torn down\n"
    assert one.said == "waiting\n"


def test_a_terminal_that_goes_away_after_a_signal_is_the_second(run: Callable[..., Run]) -> None:
    one = run()
    one.send(signal.SIGINT)
    one.until("teardown begun")
    one.send(signal.SIGHUP)
    assert one.end() == 129
    assert one.log.read_text() == "last words\n"


def test_another_signal_after_the_terminal_went_away_is_the_second(
    run: Callable[..., Run],
) -> None:
    one = run()
    one.send(signal.SIGHUP)
    one.until_logged("teardown begun")
    one.send(signal.SIGTERM)
    assert one.end() == 143
    assert one.log.read_text() == f"{LOGGED}last words\n"


def test_under_nohup_a_terminal_may_go_away(run: Callable[..., Run]) -> None:
    one = run(is_nohup=True)
    one.send(signal.SIGHUP)
    one.send(signal.SIGUSR1)
    one.until("teardown begun")
    assert "asked: False" in one.said
    one.send(signal.SIGUSR1)
    assert one.end() == 0
    assert not one.log.exists()


def test_what_a_log_had_before_stays(run: Callable[..., Run], log: Path) -> None:
    log.write_text("of a run before\n")
    one = run()
    one.send(signal.SIGHUP)
    one.until_logged("teardown begun")
    assert one.log.read_text() == f"of a run before\n{LOGGED}"
