"""The Pulumi engine as a process of ours: what it says is seen as it says it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile

from freehold.errors import FreeholdError
from playbooks.interrupts import Interrupts
from playbooks.nodes import ROOT

_LOCKED = ("the stack is currently locked", "Another update is currently in progress")
"""Sources: Pulumi's pkg/backend/diy/lock.go, and what its own service answers."""


class EngineLockedError(FreeholdError):
    """Another engine is at work on the stack, or one was killed at it: nothing was done."""


def run_engine(verb: str, stack: str, interrupts: Interrupts | None = None) -> int:
    """The exit code of `pulumi VERB --yes` of the stack. Raises EngineLockedError.

    With `interrupts` the first signal asks the engine to stop, which it does once what it is making
    is in its state. It is told of no other: the terminal's Ctrl-C does not reach it, and it goes on
    where this process leaves.
    """
    argv = ["pulumi", verb, "--yes", "--skip-preview", "--non-interactive", "--stack", stack]
    print(f"$ {' '.join(argv)}", flush=True)
    # A file, and no pipe, whose other end would go with this process. It has little but why the
    # engine failed: what it does is on stdout.
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                argv, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=errors, start_new_session=True
            )
        except FileNotFoundError:
            raise FreeholdError.of(
                "pulumi", "expected it on PATH, found nothing", "bin/setup"
            ) from None
        with contextlib.ExitStack() as stopping:
            if interrupts is not None:
                stopping.enter_context(
                    interrupts.ending(lambda: process.send_signal(signal.SIGINT))
                )
            code = process.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    print(said, end="", file=sys.stderr, flush=True)
    if code and any(words in said for words in _LOCKED):
        raise EngineLockedError.of(
            stack,
            f"expected no other engine at work on it: pulumi {verb} did nothing",
            "where there is none: pulumi cancel, then the same again",
        )
    return code
