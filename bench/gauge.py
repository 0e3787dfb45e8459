"""What a transfer costs: seconds, CPU and memory of both ends, and bytes on the wire."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench.groups import Group, members, peak_bytes
from bench.project import ROOT
from freehold.errors import FreeholdError
from freehold.lab import Box, Lab

LIMIT_S = 1800  # a transfer that takes longer hangs
LOOK_S = 0.1  # how often the memory of both ends is read


@dataclass(frozen=True)
class Measure:
    """Of one transfer. Memory is the sum over an end's processes of the peak of each;
    `other_cpu_s` is what all else on this machine used meanwhile, the kernel's threads too;
    `wire_bytes` is what left the store's machine for the boxes, headers and all."""

    took_s: float
    sender_cpu_s: float
    receiver_cpu_s: float
    other_cpu_s: float
    sender_peak_bytes: int
    receiver_peak_bytes: int
    wire_bytes: int


def wire_bytes(lab: Lab) -> int:
    """What this machine has sent to the boxes until now; what they send each other is not in it."""
    return int(Path(f"/sys/class/net/{lab.bridge}/statistics/tx_bytes").read_text())


def gauge(
    lab: Lab,
    boxes: Sequence[Box],
    argv: Sequence[str],
    is_enough: Callable[[], bool] = lambda: False,
) -> Measure:
    """Run `argv` here, which moves something to `boxes`, and measure it until it ends.

    Where `is_enough` becomes true both ends are killed, as by `kill -9`. Raises FreeholdError
    with the last lines of a process that fails.
    """
    receivers = [Group.of_box(box) for box in boxes]
    with _sender(boxes[0]) as sender, tempfile.TemporaryFile() as said:
        before = members(receivers)
        cpu_s = sum(group.cpu_s() for group in receivers)
        sent, busy_s = wire_bytes(lab), _busy_s()
        with _held_back(argv, said) as process:
            sender.add(process.pid)
            began_s = time.monotonic()
            assert process.stdin is not None  # noqa: S101 - started with a pipe
            process.stdin.write(b"\n")
            process.stdin.close()
            with _Peaks(sender, receivers, before) as peaks:
                killed = _wait(process, is_enough, lambda: _kill(sender, receivers, before))
            took_s = time.monotonic() - began_s
        if process.returncode and not killed:
            said.seek(0)
            lines = said.read().decode(errors="replace").splitlines()[-20:]
            what = f"{' '.join(argv)[:300]}: exit {process.returncode}"
            raise FreeholdError.of("bench", "\n".join([what, *lines]))
        _settle(sender)
        sender_s, receiver_s = sender.cpu_s(), sum(group.cpu_s() for group in receivers) - cpu_s
        return Measure(
            took_s,
            sender_s,
            receiver_s,
            max(0.0, _busy_s() - busy_s - sender_s - receiver_s),
            peaks.sender_bytes,
            peaks.receiver_bytes,
            wire_bytes(lab) - sent,
        )


def _busy_s() -> float:
    """CPU seconds of this machine that were not idle, since it started (proc(5), /proc/stat)."""
    user, nice, system, _idle, _waiting, *interrupts = Path("/proc/stat").read_text().split()[1:8]
    ticks = sum(map(int, (user, nice, system, *interrupts)))
    return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _sender(box: Box) -> Iterator[Group]:
    """A group for the sending end, where even a connection that went to the background counts."""
    group = Group.new(box, f"/freehold-bench-{os.getpid()}")
    try:
        yield group
    finally:
        group.remove()


@contextlib.contextmanager
def _held_back(argv: Sequence[str], said: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that becomes `argv` when it is sent a line: it is in its group before that."""
    process = subprocess.Popen(
        ["sh", "-c", 'read -r _ && exec "$@"', "sh", *argv],
        stdin=subprocess.PIPE,
        stdout=said,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait(
    process: subprocess.Popen[bytes], is_enough: Callable[[], bool], kill: Callable[[], None]
) -> bool:
    """Until it ends by itself (False), or was killed because it was enough (True)."""
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.02)
            return False
        if is_enough():
            kill()
            process.wait()
            return True
        if time.monotonic() > deadline_s:
            raise FreeholdError.of("bench", f"{process.args!r:.300}: not done in {LIMIT_S} s")


def _kill(sender: Group, receivers: Sequence[Group], before: set[int]) -> None:
    sender.kill()
    for pid in members(receivers) - before:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _settle(sender: Group) -> None:
    """Connections close a moment after who used them."""
    deadline_s = time.monotonic() + 10
    while not sender.is_empty() and time.monotonic() < deadline_s:
        time.sleep(0.02)


class _Peaks:
    """Looks at the memory of both ends now and then, in a thread of its own."""

    def __init__(self, sender: Group, receivers: Sequence[Group], before: set[int]) -> None:
        self._sender, self._receivers, self._before = sender, receivers, before
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.sender_bytes = self.receiver_bytes = 0

    def __enter__(self) -> _Peaks:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(LOOK_S):
            sending = peak_bytes(members([self._sender]))
            self.sender_bytes = max(self.sender_bytes, sending)
            # Of the boxes the one that needs most.
            for group in self._receivers:
                receiving = peak_bytes(members([group]) - self._before)
                self.receiver_bytes = max(self.receiver_bytes, receiving)
