"""The end of a sync: all is read back, the proof written, and the folder gets its name."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from freehold.agent.check import bad_pieces
from freehold.agent.marks import Verification, write_verified
from freehold.agent.program import PROGRAM, program_bytes
from freehold.agent.proof import proof_line, sync_folder, write_proof
from freehold.agent.staging import JOURNAL, READ_BACK, Staging


def finish(staging: Staging, on_bytes: Callable[[int], None]) -> bool:
    """Whether the set now lies under its final name; else `missing` says what is to come again.

    Every byte is on the disk and was read back from it by this sync before it has its name: as it
    landed, or now. `on_bytes` hears of what is read now.
    """
    order = staging.order
    staging.refresh()
    if any(True for _ in staging.missing()):
        return False
    for index in range(len(order.files)):
        if order.twin(index) == index:
            _sync_file(staging.path(index))
    bad = bad_pieces(staging.folder, order, staging.unread(), on_bytes, from_disk=True)
    for file, piece in bad:
        staging.forget(file, piece)
    if bad:
        staging.rewrite()
        return False
    write_verified(staging.folder, Verification(staging.began_s, time.time(), order.size_bytes))
    _name(staging)
    return True


def _name(staging: Staging) -> None:
    order, folder = staging.order, staging.folder
    lines = []
    for index, file in enumerate(order.files):
        path = staging.path(index)
        twin = order.twin(index)
        if twin != index:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            os.link(staging.path(twin), path)
        path.chmod(0o555 if file.executable else 0o444)
    for file in order.files:
        lines.append(proof_line(folder, file.path, file.sha256))
    # The set's own checker, which its service asks before each start.
    (folder / PROGRAM).write_bytes(program_bytes())
    _sync_file(folder / PROGRAM)
    for root, _names, _files in os.walk(folder):
        Path(root).chmod(0o755)
        sync_folder(Path(root))
    write_proof(folder, lines)
    staging.close()
    final = Path(order.folder)
    shutil.rmtree(final, ignore_errors=True)  # its good files are linked here already
    folder.replace(final)
    sync_folder(final.parent)
    (final / READ_BACK).unlink()
    # Last: where the power fails before, the journal saves the next sync from moving all again.
    (final / JOURNAL).unlink()


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
