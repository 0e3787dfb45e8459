"""What a rented machine does at its first start, as cloud-init's user data."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import dataclass
from datetime import datetime

from freehold.errors import FreeholdError
from freehold.render.paths import UNIT_FOLDER
from freehold.render.service import NoContext
from freehold.render.templates import render
from freehold.rent.guard import GUARD_START, PlacedFile, guard_files
from freehold.rent.host_keys import BEGIN, END

USER_DATA_PATH = "/var/lib/cloud/instance/user-data.txt"
"""Where cloud-init keeps it on the machine."""
SCRATCH = "freehold-scratch.service"
SCRATCH_UNIT_PATH = f"{UNIT_FOLDER}{SCRATCH}"
SCRATCH_PATH = "/usr/local/sbin/freehold-scratch"
SIZE_BYTES_MAX = 16_384
"""Before base64. Source: EC2 user guide, "User data is limited to 16 KB, in raw form"."""

_DELIMITER = "FREEHOLD"


@dataclass(frozen=True)
class Block:
    """A file's text as the template has it: indented, without its last line's end."""

    path: str
    mode: str
    text: str


@dataclass(frozen=True)
class UserDataContext:
    """What the template may use."""

    guard: tuple[Block, ...]
    start: tuple[str, ...]
    files: tuple[Block, ...]
    scratch: str
    begin: str
    end: str


def user_data(deadline: datetime, since: datetime, idle_minutes: int | None = None) -> str:
    """The cloud-config of a rented machine; the same for the same arguments, and no secret in it.

    First the node's own kill switch (see guard_files for the arguments), then the disks for
    weights, and the host key on the console. Raises FreeholdError where it is longer than EC2
    takes.
    """
    guard = guard_files(deadline, since, idle_minutes)
    scratch = (
        PlacedFile(SCRATCH_PATH, 0o755, render(SCRATCH_PATH, NoContext())),
        PlacedFile(SCRATCH_UNIT_PATH, 0o644, render(SCRATCH_UNIT_PATH, NoContext())),
    )
    context = UserDataContext(
        guard=tuple(_block(file, 2) for file in guard),
        start=tuple(map(shlex.join, GUARD_START)),
        files=tuple(_block(file, 4) for file in scratch),
        scratch=SCRATCH,
        begin=BEGIN,
        end=END,
    )
    text = render(USER_DATA_PATH, context)
    size_bytes = len(text.encode())
    if size_bytes > SIZE_BYTES_MAX:
        raise FreeholdError.of(
            "user data", f"expected at most {SIZE_BYTES_MAX} bytes, got {size_bytes}"
        )
    return text


def _block(file: PlacedFile, indent: int) -> Block:
    """Raises ValueError for a text that would not arrive as it is."""
    if not file.content.endswith("\n") or file.content[:1].isspace():
        raise ValueError(f"{file.path}: expected lines, the first of them not indented")
    if _DELIMITER in file.content.splitlines():
        raise ValueError(f"{file.path}: expected no line {_DELIMITER}")
    text = textwrap.indent(file.content, " " * indent, lambda line: not line.isspace())
    return Block(file.path, f"{file.mode:04o}", text.removesuffix("\n"))
