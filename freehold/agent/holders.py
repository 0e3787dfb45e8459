"""Which processes have certain files open or mapped."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def holders(files: Iterable[Path]) -> list[str]:
    """`NAME (pid N)` for each process, of any namespace whose /proc is seen here; not this one."""
    paths = {str(path) for path in files}
    inodes = {(found.st_dev, found.st_ino) for found in (Path(path).lstat() for path in paths)}
    own = os.getpid()
    return [
        f"{_name(process)} (pid {process.name})"
        for process in sorted(Path("/proc").glob("[0-9]*"))
        if int(process.name) != own and _holds(process, paths, inodes)
    ]


def _holds(process: Path, paths: set[str], inodes: set[tuple[int, int]]) -> bool:
    try:
        # A filesystem such as btrfs shows another device in maps than to stat: hence the path.
        if any(path in paths or inode in inodes for path, inode in _mapped(process)):
            return True
        for link in (process / "fd").iterdir():
            try:
                # By inode too: in a container of its own its paths are others.
                found = link.stat()
            except OSError:
                continue
            if (found.st_dev, found.st_ino) in inodes:
                return True
    except OSError:
        pass  # it ended meanwhile
    return False


def _mapped(process: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """The files of its maps, proc(5): ADDRESS PERMS OFFSET DEVICE INODE PATH."""
    for line in (process / "maps").read_text(errors="replace").splitlines():
        fields = line.split(None, 5)
        if len(fields) == 6:
            major, minor = (int(part, 16) for part in fields[3].split(":"))
            yield fields[5], (os.makedev(major, minor), int(fields[4]))


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a process"
