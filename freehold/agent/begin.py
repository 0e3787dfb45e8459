"""Prepare the staging folder of a set: nothing foreign in it, and all that is here already."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from freehold.agent.check import bad_pieces
from freehold.agent.marks import Pieces, read_damage
from freehold.agent.order import Order, OrderedFile
from freehold.agent.program import PROGRAM
from freehold.agent.proof import PROOF, proven
from freehold.agent.staging import JOURNAL, ORDER, Staging, staging_of


def begin(order: Order, on_bytes: Callable[[int], None]) -> Staging:
    """The staging folder for `order`, with every file in it at its full size.

    Kept is what an interrupted sync left, and linked in what is proven in the set's own folder or
    in another; what lies in its own without a proof is linked too, and read and hashed now.
    `on_bytes` hears of what is hashed. Raises OSError where the disk cannot hold it.
    """
    folder = staging_of(order.folder)
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder, order)
    (folder / f"{ORDER}.new").write_bytes(order.to_bytes())
    (folder / f"{ORDER}.new").replace(folder / ORDER)
    staging = Staging(folder, order)
    own = proven(Path(order.folder))
    others = _proven_elsewhere(Path(order.folder))
    damaged = []
    for index, file in enumerate(order.files):
        path = folder / file.path
        if order.twin(index) != index:
            continue
        if path.exists():
            if path.stat().st_nlink > 1 and not staging.has_any(index):
                damaged.append(index)  # one that was killed had linked it, and not read it yet
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if _link(Path(order.folder, file.path), path):
            if own.get(file.path) == file.sha256:
                staging.note_all(index)
                continue
            if path.stat().st_size != file.size_bytes:
                os.truncate(path, file.size_bytes)
            damaged.append(index)
        elif _link(others.get(_content(file)), path):
            staging.note_all(index)
        else:
            _create(path, file)
    runs = [(index, 0, order.pieces(index)) for index in damaged]
    # The page cache may still hold what the disk does not: what was found bad comes again.
    bad = {*bad_pieces(folder, order, runs, on_bytes), *_known_bad(order)}
    for index, _first, count in runs:
        for piece in range(count):
            if (index, piece) not in bad:
                staging.note(index, piece)
    return staging


def is_here(order: Order) -> bool:
    """Whether the whole set lies in its folder, proven: another sync was faster."""
    folder = Path(order.folder)
    try:
        is_same = (folder / ORDER).read_bytes() == order.to_bytes()
    except OSError:
        return False
    if not is_same or read_damage(folder) or not (folder / PROGRAM).exists():
        return False
    held = proven(folder)
    return all(held.get(file.path) == file.sha256 for file in order.files)


def _sweep(folder: Path, order: Order) -> None:
    """Remove what does not belong: links above all, and files of another size."""
    try:
        is_same = (folder / ORDER).read_bytes() == order.to_bytes()
    except OSError:
        is_same = False
    if not is_same:  # never ours, or of an earlier Freehold
        shutil.rmtree(folder)
        folder.mkdir()
    own = (file for index, file in enumerate(order.files) if order.twin(index) == index)
    sizes = {file.path: file.size_bytes for file in own}
    folders = {"/".join(p.split("/")[:i]) for p in sizes for i in range(1, len(p.split("/")))}
    lost = False
    for root, names, files in os.walk(folder):
        for name in [*names, *files]:
            path = Path(root, name)
            inside = str(path.relative_to(folder))
            seen = path.lstat()
            if inside in (ORDER, JOURNAL):
                continue
            if stat.S_ISDIR(seen.st_mode) and inside in folders:
                continue
            if stat.S_ISREG(seen.st_mode) and seen.st_size == sizes.get(inside):
                continue
            lost = lost or inside in sizes
            if stat.S_ISDIR(seen.st_mode):
                shutil.rmtree(path)
                names.remove(name)
            else:
                path.unlink()
    there = all((folder / path).exists() for path in sizes)
    if lost or not there:
        # What the journal says of a file that is not there any more would be believed.
        _forget_lost(folder, order)


def _forget_lost(folder: Path, order: Order) -> None:
    staging = Staging(folder, order)
    for index in range(len(order.files)):
        if not staging.path(index).exists():
            staging.forget_all(index)
    staging.rewrite()
    staging.close()


def _proven_elsewhere(folder: Path) -> dict[tuple[str, int, bool], Path]:
    """A path for each content that another set on this node holds, by its arrival proof."""
    found = {}
    for proof in folder.parent.parent.glob(f"*/*/{PROOF}"):
        if proof.parent == folder or proof.parent.name.endswith(".partial"):
            continue
        for path, sha256 in proven(proof.parent).items():
            seen = (proof.parent / path).stat()
            key = (sha256, seen.st_size, bool(seen.st_mode & 0o100))
            found[key] = proof.parent / path
    return found


def _known_bad(order: Order) -> Pieces:
    folder = Path(order.folder)
    try:
        is_same = (folder / ORDER).read_bytes() == order.to_bytes()
    except OSError:
        return []
    return read_damage(folder) if is_same else []


def _content(file: OrderedFile) -> tuple[str, int, bool]:
    return file.sha256, file.size_bytes, file.executable


def _link(source: Path | None, path: Path) -> bool:
    """Whether the regular file `source` could be linked as `path`."""
    if source is None:
        return False
    try:
        if not stat.S_ISREG(source.lstat().st_mode):
            return False
        os.link(source, path, follow_symlinks=False)
    except OSError:
        return False
    return True


def _create(path: Path, file: OrderedFile) -> None:
    """At its full size at once: a disk that cannot hold it says so before anything is sent."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    try:
        if file.size_bytes:
            os.posix_fallocate(descriptor, 0, file.size_bytes)
    except OSError as error:
        path.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(descriptor)
