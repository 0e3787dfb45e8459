"""The folder that holds one connection's socket and configuration, while its process lives."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from pathlib import Path

# Not TMPDIR: on a Mac that is so long that a unix socket's path would pass its 104 bytes.
_PARENT = Path("/tmp")  # noqa: S108 - the folders in it are made by mkdtemp, for their owner alone


def connection_folder() -> tempfile.TemporaryDirectory[str]:
    """A new one; those of controllers that were killed go."""
    for folder in _PARENT.glob("fh-*-*"):
        with contextlib.suppress(OSError):
            pid = folder.name.split("-")[1]
            if pid.isdigit() and folder.stat().st_uid == os.getuid() and not _is_running(int(pid)):
                shutil.rmtree(folder)
    return tempfile.TemporaryDirectory(prefix=f"fh-{os.getpid()}-", dir=_PARENT)


def has_listener(path: Path) -> bool:
    """Whether somebody listens at that unix socket: who was killed has left it behind."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
