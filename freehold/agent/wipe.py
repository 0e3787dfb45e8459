"""Remove a set from a node, as its medium allows, and say what was done and what was checked."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from freehold.agent.extents import Place, places_of, still_readable
from freehold.agent.frames import say
from freehold.agent.holders import holders
from freehold.agent.medium import Medium, medium_of, swaps, trim
from freehold.agent.overwrite import overwrite
from freehold.agent.proof import PROOF, sync_folder
from freehold.agent.staging import staging_of
from freehold.agent.wiped import Wiped, claims_of

PROBE = ".freehold-probe"
PROBE_BYTES = 4 << 20
HOWS = ("auto", "overwrite", "remove")

OnBytes = Callable[[int], None]


def wipe(how: str, *patterns: str) -> None:
    """Wipe each set whose folder matches; JSON lines on stdout: `{"written": N}` now and then,
    and `{"wiped": RECORD}` of each. Raises OSError where a process has files of one open."""
    found = (str(path) for each in patterns for path in Path("/").glob(each.lstrip("/")))
    folders = {path.removesuffix(".partial") for path in found}
    folders |= {each for each in patterns if os.path.lexists(staging_of(each))}
    for folder in sorted(folders):
        record = wipe_set(Path(folder), how, lambda size: say(json.dumps({"written": size})))
        say(json.dumps({"wiped": record}))


def wipe_set(folder: Path, how: str, on_bytes: OnBytes) -> dict[str, Any]:
    """Wipe the set of `folder`, and what an interrupted sync of it left; the record of that.

    `how` is one of HOWS: "auto" discards the blocks where the device then shows them no more, and
    else writes zeros over them. A wipe that was killed is gone on with by the next: what it left
    has no proof, so nothing serves it.
    """
    began_s = time.time()
    parts = [part for part in (folder, staging_of(str(folder))) if os.path.lexists(part)]
    if how not in HOWS:
        raise OSError(errno.EINVAL, f"expected one of {', '.join(HOWS)}, got {how}")
    own, shared = _files(parts)
    # What is another set's too stays whole, whoever has it open there.
    names = [path for paths, _size in own for path in paths]
    if how != "remove" and (held_by := holders(names)):
        message = f"expected nobody to have it open, found {', '.join(held_by)}"
        raise OSError(errno.EBUSY, message, str(folder))
    folders = [part for part in parts if part.is_dir() and not part.is_symlink()]
    for part in folders:
        (part / PROOF).unlink(missing_ok=True)
        sync_folder(part)
    own = [(paths, size) for paths, size in own if paths[0].name != PROOF]
    medium = medium_of(folder.parent)
    wiped = _wipe_files(own, how, medium, folder.parent, on_bytes)
    for part in parts:
        if part in folders:
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)
    sync_folder(folder.parent)
    wiped = _after(wiped, how, medium)
    size = sum(size for _paths, size in own)
    took_s = time.time() - began_s
    return {
        "folder": str(folder),
        "wiped": wiped.outcome,
        "claims": claims_of(wiped, medium, len(own), len(shared), swaps()),
        "files": len(own),
        "shared_files": len(shared),
        "bytes": size,
        "began_s": round(began_s),
        "seconds": round(took_s, 3),
        "bytes_per_s": round(size / max(took_s, 1e-3)),
        "trimmed_bytes": wiped.trimmed_bytes,
        "places_checked": len(wiped.places),
        "places_readable": wiped.readable,
        "swap": swaps(),
        "medium": asdict(medium),
    }


Inodes = list[tuple[list[Path], int]]


def _files(parts: list[Path]) -> tuple[Inodes, Inodes]:
    """Each file by its names with its size: those that are ours alone, and those that have a name
    outside of `parts` too, which is another set's."""
    found: dict[tuple[int, int], list[Path]] = {}
    for part in parts:
        if part.is_symlink():
            continue
        inside = (Path(root, name) for root, _names, files in os.walk(part) for name in files)
        for path in [part] if part.is_file() else inside:
            seen = path.lstat()
            if stat.S_ISREG(seen.st_mode):
                found.setdefault((seen.st_dev, seen.st_ino), []).append(path)
    every = [(paths, paths[0].lstat()) for paths in found.values()]
    own = [(paths, seen.st_size) for paths, seen in every if seen.st_nlink <= len(paths)]
    shared = [(paths, seen.st_size) for paths, seen in every if seen.st_nlink > len(paths)]
    return own, shared


def _wipe_files(files: Inodes, how: str, medium: Medium, beside: Path, on_bytes: OnBytes) -> Wiped:
    """The files' content, while they still have their names."""
    if how == "remove":
        return Wiped("removed", "asked for no more than that")
    if not medium.is_in_place:
        return Wiped("removed", f"{medium.filesystem} does not write over what was there")
    if how == "auto" and medium.discard_max_bytes and _discards(beside, medium):
        places = [place for paths, _size in files for place in places_of(paths[0], medium.device)]
        if places:
            return Wiped("discarded", places=places)
    reason = ""
    for paths, _size in files:
        if not overwrite(paths[0], on_bytes):
            reason = f"{paths[0].name} could not be overwritten in place"
        for path in paths:
            path.unlink()
    return Wiped("removed", reason) if reason else Wiped("overwritten")


def _after(wiped: Wiped, how: str, medium: Medium) -> Wiped:
    """What is to be done and looked at once the names are gone."""
    if how == "remove" or not medium.discard_max_bytes:
        return wiped
    wiped.trimmed_bytes = trim(medium.mount)
    if wiped.outcome == "discarded":
        wiped.readable = still_readable(wiped.places, medium.device)
        if wiped.readable or not wiped.trimmed_bytes:
            wiped.outcome, wiped.reason = "removed", "the device kept what it was to discard"
    return wiped


def _discards(folder: Path, medium: Medium) -> bool:
    """Whether a file's blocks read otherwise once they are discarded: tried with one of our own."""
    probe = folder / PROBE
    try:
        with probe.open("wb") as file:
            file.write(os.urandom(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
        places: list[Place] = places_of(probe, medium.device)
    finally:
        probe.unlink(missing_ok=True)
    sync_folder(folder)
    return bool(places and trim(medium.mount)) and not still_readable(places, medium.device)
