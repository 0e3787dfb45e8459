"""Whole processes, timed from their start to their end."""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import FreeholdError

LIMIT_S = 600  # a process that takes longer hangs


@dataclass(frozen=True)
class Timing:
    """The seconds that each of several runs took."""

    samples_s: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """The middle one."""
        return statistics.median(self.samples_s)

    def __str__(self) -> str:
        return f"{self.median_s:.2f} s ({min(self.samples_s):.2f}-{max(self.samples_s):.2f})"


@dataclass(frozen=True)
class Run:
    """One process to be timed; what it prints is of interest only when it fails."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


def alternate(runs: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Timing]:
    """Each of `runs` once a round, so that a slow minute of the machine meets all of them."""
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            samples[name].append(run())
    return {name: Timing(tuple(some)) for name, some in samples.items()}


def timed(run: Run, on_line: Callable[[float, str], None] = lambda _at_s, _line: None) -> float:
    """The seconds that `run` took; `on_line` hears when it printed what.

    Raises FreeholdError with its last lines where it fails. It has a process group of its own,
    which ends with us: Ctrl-C leaves none of its children behind.
    """
    began = time.monotonic()
    lines: list[str] = []
    process = subprocess.Popen(
        run.argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=run.environment,
        cwd=run.folder,
        start_new_session=True,
    )
    alarm = threading.Timer(LIMIT_S, _end, [process])
    alarm.start()
    try:
        assert process.stdout is not None  # noqa: S101 - started with a pipe, above
        for line in process.stdout:
            lines.append(line.rstrip())
            on_line(time.monotonic() - began, lines[-1])
        process.wait()
    except BaseException:
        _end(process)
        raise
    finally:
        alarm.cancel()
    took_s = time.monotonic() - began
    if process.returncode:
        said = "\n".join([f"{' '.join(run.argv)}: exit {process.returncode}", *lines[-20:]])
        raise FreeholdError.of("bench", said)
    return took_s


def _end(process: subprocess.Popen[str]) -> None:
    for signal_number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal_number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
            return
