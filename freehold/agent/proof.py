"""The arrival proof: what each file of a set was on this disk when all of it had been read back."""

from __future__ import annotations

import os
import stat
from pathlib import Path

PROOF = ".freehold-proof"  # a line `SHA256 SIZE MTIME INODE PATH` for each file


def proof_line(folder: Path, path: str, sha256: str) -> str:
    """As `find -printf '%s %T@ %i %P'` shows the file, after its hash."""
    seen = (folder / path).lstat()
    seconds, rest = divmod(seen.st_mtime_ns, 10**9)
    return f"{sha256} {seen.st_size} {seconds}.{rest:09d}0 {seen.st_ino} {path}\n"


def proven(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file, by path, that is still what the folder's proof says."""
    try:
        lines = (folder / PROOF).read_text().splitlines(keepends=True)
    except (OSError, ValueError):
        return {}
    found = {}
    for line in lines:
        sha256, _, rest = line.partition(" ")
        path = rest.rstrip("\n").split(" ", 3)[-1]
        try:
            if stat.S_ISREG((folder / path).lstat().st_mode) and (
                proof_line(folder, path, sha256) == line
            ):
                found[path] = sha256
        except OSError:
            continue
    return found


def write_proof(folder: Path, lines: list[str]) -> None:
    """Durably, and whole or not at all."""
    beside = folder / f"{PROOF}.new"
    with beside.open("w") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / PROOF)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
