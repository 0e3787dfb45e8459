"""libtorrent on a node: which build its Python takes, and one that was sent, kept by its hash."""

from __future__ import annotations

import hashlib
import io
import os
import platform
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any


class NoSwarmError(Exception):
    """This node cannot take part in a swarm; it gets its pieces from the store alone."""


def python_tag() -> str:
    """What wheels of this Python are called, such as cp311; "" where it is no CPython on glibc."""
    if sys.implementation.name != "cpython" or platform.libc_ver()[0] != "glibc":
        return ""
    major, minor = sys.version_info[:2]
    return f"cp{major}{minor}"


def tools(folder: Path) -> list[str]:
    """The SHA-256 of each build that is there."""
    return sorted(path.name for path in folder.glob("libtorrent-*"))


def keep_tool(folder: Path, sha256: str, wheel: bytes) -> None:
    """Unpack a wheel that was sent; of an interrupted attempt nothing has its name."""
    if hashlib.sha256(wheel).hexdigest() != sha256:
        raise NoSwarmError("the build of libtorrent that came is not the one that was announced")
    target, beside = _tool(folder, sha256), folder / f".libtorrent-{os.getpid()}"
    for left in folder.glob(".libtorrent-*"):  # of one that was killed
        if not Path("/proc", left.name.rpartition("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    try:
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            archive.extractall(beside)  # its hash is that of the kit's own lock
        beside.rename(target)
    except (zipfile.BadZipFile, OSError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        if not target.is_dir():  # another sync may have been faster
            raise NoSwarmError(f"libtorrent cannot be unpacked: {error}") from None


def load_tool(folder: Path, sha256: str) -> Any:
    """The module. Raises NoSwarmError where this node cannot run it."""
    sys.path.insert(0, str(_tool(folder, sha256)))
    try:
        import libtorrent  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except (ImportError, OSError) as error:
        raise NoSwarmError(f"libtorrent cannot be loaded: {error}") from None
    return libtorrent


def _tool(folder: Path, sha256: str) -> Path:
    return folder / f"libtorrent-{sha256}"
