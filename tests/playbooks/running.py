"""`fab` at work in the background: watched, interrupted, killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from tests.deadline import in_time
from tests.infra.stack import ROOT

TIMEOUT_S = 120


class RunningFab:
    """`fab ARGUMENTS`; what it and all that it started say is in the file `log`."""

    def __init__(self, env: Mapping[str, str], log: Path, *arguments: str) -> None:
        self._log = log
        # In the environment of every process that this run started, and in no other.
        self._mark = f"FREEHOLD_TEST_RUN={log}\0".encode()
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [str(ROOT / ".venv/bin/fab"), *arguments],
                cwd=ROOT,
                env={**os.environ, **env, "FREEHOLD_TEST_RUN": str(log)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing of it goes on, whatever a test came to."""
        self.kill()
        assert in_time(lambda: not self._end_what_is_left())

    @property
    def text(self) -> str:
        """What was said so far."""
        return self._log.read_text(errors="replace")

    def until(self, words: str, timeout_s: float = TIMEOUT_S) -> None:
        """Return as soon as it has said these words, which it must while it is at work."""
        self.until_true(lambda: words in self.text, timeout_s)

    def until_true(self, condition: Callable[[], object], timeout_s: float = TIMEOUT_S) -> None:
        """Return as soon as `condition` holds, which it must while it is at work."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline_s, f"not in {timeout_s} s:\n{self.text}"
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)
                assert condition(), f"fab ended before:\n{self.text}"

    def interrupt(self) -> None:
        """Ctrl-C: the terminal signals the whole foreground group."""
        os.killpg(self._process.pid, signal.SIGINT)

    def end(self, code: int) -> str:
        """All that it said, once it has ended by itself, with that exit code."""
        found = self._process.wait(TIMEOUT_S)
        assert found == code, f"exit {found}, expected {code}\n{self.text}"
        assert "Traceback" not in self.text
        return self.text

    def kill(self) -> None:
        """SIGKILL to fab alone."""
        self._process.kill()
        self._process.wait()

    def _end_what_is_left(self) -> int:
        """How many processes of this run there were still; each is killed."""
        found = 0
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self._mark in (folder / "environ").read_bytes():
                    found += 1
                    os.kill(int(folder.name), signal.SIGKILL)
        return found
