"""An engine build in a release archive: where in it the files lie, and under what licence."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from freehold.weights.archive import require_sha256, unpack
from freehold.weights.put import ENGINE_ENTRY, PutError


@contextlib.contextmanager
def unpacked_release(archive: Path, sha256: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """The folder with llama-server, as long as the block lasts, and what is known of it.

    Raises ArchiveError where the archive is not of that SHA-256 ("" wants none), is damaged or
    would write elsewhere, and PutError where it holds no build.
    """
    found = require_sha256(archive, sha256)
    # Not /tmp, which may be in memory.
    with tempfile.TemporaryDirectory(prefix="freehold-engine-", dir="/var/tmp") as folder:
        unpack(archive, Path(folder))
        build = _build_in(archive, Path(folder))
        known = {"archive": archive.name, "archive_sha256": found, "licence": licence_in(build)}
        yield build, {key: value for key, value in known.items() if value}


def licence_in(folder: Path) -> str:
    """The first line of the LICENSE that lies there, which names it; "" without one."""
    for path in sorted(folder.glob("LICEN[CS]E*")):
        if path.is_file():
            lines = path.read_text("utf-8", "replace").split("\n")
            return next((line.strip() for line in lines if line.strip()), "")[:80]
    return ""


def _build_in(archive: Path, folder: Path) -> Path:
    found = sorted(path.parent for path in folder.rglob(ENGINE_ENTRY) if path.is_file())
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(str(path.relative_to(folder)) for path in found)
        raise PutError.of(str(archive), f"expected one {ENGINE_ENTRY} in it, found one in {shown}")
    is_windows = any(folder.rglob(f"{ENGINE_ENTRY}.exe"))
    hint = "it is a build for Windows" if is_windows else "fab engine.source takes source archives"
    raise PutError.of(str(archive), f"expected {ENGINE_ENTRY} in it, found none", hint)
