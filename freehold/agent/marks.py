"""What is known of a set that lies on a node: when it was last read whole, and what was bad."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from freehold.agent.order import Order
from freehold.agent.proof import PROOF, sync_folder, write_proof

VERIFIED = ".freehold-verified"  # JSON of a Verification
DAMAGE = ".freehold-damage"  # a line `FILE PIECE PATH` for each piece that is not what it was
CURSOR = ".freehold-cursor"  # JSON: where a verification that was interrupted goes on

Pieces = list[tuple[int, int]]


@dataclass(frozen=True)
class Verification:
    """Every piece was read and was right; times in seconds since the epoch, by the node's clock.

    Its age counts from `began_s`: no byte was read before that.
    """

    began_s: float
    ended_s: float
    read_bytes: int


def write_verified(folder: Path, verification: Verification) -> None:
    """All is well with the set in `folder`, and nothing bad is known of it any more."""
    write_durably(folder / VERIFIED, json.dumps(asdict(verification)) + "\n")
    (folder / DAMAGE).unlink(missing_ok=True)


def read_verified(folder: Path) -> Verification | None:
    """None where the set was never read whole, or the mark cannot be read."""
    try:
        return Verification(**json.loads((folder / VERIFIED).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def write_damage(folder: Path, order: Order, bad: Pieces) -> None:
    """Keep which pieces are bad; their files are no longer proven, so nothing serves them."""
    paths = {order.files[file].path for file, _piece in bad}
    lines = [f"{file} {piece} {order.files[file].path}\n" for file, piece in sorted(bad)]
    write_durably(folder / DAMAGE, "".join(lines))
    # Hard links to a bad file are as bad.
    twins = {order.twin(file) for file, _piece in bad}
    paths |= {f.path for index, f in enumerate(order.files) if order.twin(index) in twins}
    _drop_from_proof(folder, paths)


def read_damage(folder: Path) -> Pieces:
    """The pieces (file, piece) that are known to be bad."""
    found = []
    with contextlib.suppress(OSError):
        for line in (folder / DAMAGE).read_text(errors="replace").splitlines():
            file, piece, _path = line.split(" ", 2)
            found.append((int(file), int(piece)))
    return found


def write_durably(path: Path, text: str) -> None:
    """Whole or not at all, also where the power fails."""
    beside = path.with_name(f"{path.name}.new")
    with beside.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def _drop_from_proof(folder: Path, paths: Iterable[str]) -> None:
    try:
        lines = (folder / PROOF).read_text().splitlines(keepends=True)
    except OSError:
        return
    dropped = set(paths)
    kept = [line for line in lines if line.rstrip("\n").split(" ", 4)[-1] not in dropped]
    if len(kept) < len(lines):
        write_proof(folder, kept)
