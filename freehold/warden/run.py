"""A program of the machine, asked with a limit of time that holds whatever becomes of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import List, Optional, Tuple

REAP_S = 1.0


class AskError(Exception):
    """It is not there, failed, or did not answer in time."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class HangError(AskError):
    """It did not answer in time."""


def ask(argv: List[str], timeout_s: float) -> str:
    """What it prints. Raises AskError.

    A process that the kernel does not let go (a driver that hangs) is killed and left: waiting for
    its end would be the hang again.
    """
    name = os.path.basename(argv[0])  # noqa: PTH119 - of a word, not of a file
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C"},
        )
    except OSError as error:
        raise AskError(f"{name}: {error.strerror}") from None
    try:
        output = process.communicate(timeout=timeout_s)[0].decode("utf-8", "replace").strip()
    except subprocess.TimeoutExpired:
        _end(process)
        raise HangError(f"{name} did not answer in {timeout_s:g} s") from None
    if process.returncode:
        said = output.splitlines()[0] if output else f"exit {process.returncode}"
        raise AskError(f"{name}: {said[:200]}", output)
    return output


def _end(process: "subprocess.Popen[bytes]") -> Optional[Tuple[bytes, bytes]]:
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.communicate(timeout=REAP_S)
    if process.stdout:
        process.stdout.close()
    return None
