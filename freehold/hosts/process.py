"""A process started here for a host: its environment, its outputs, what it is fed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO


def environment() -> dict[str, str]:
    """Ours without Pulumi's variables, which hold decrypted configuration."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}


def capture(folder: Path) -> IO[bytes]:
    """An output's file: unlike a pipe it never fills, nor waits for a master in the background."""
    return tempfile.TemporaryFile(dir=folder)


def text_of(captured: IO[bytes]) -> str:
    """All that came; what is no text is shown as such."""
    captured.seek(0)
    return captured.read().decode("utf-8", "replace")


def feed(process: subprocess.Popen[bytes], first: bytes, chunks: Iterable[bytes]) -> None:
    """Send stdin and end it. A process that ends early says why by its status, not by EPIPE."""
    if process.stdin is None:
        raise ValueError("expected a process whose stdin is a pipe")
    with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(first)
        for chunk in chunks:
            stdin.write(chunk)
