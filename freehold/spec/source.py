"""The stack files: where they are, and their text."""

from __future__ import annotations

import os
import re
from pathlib import Path

from freehold.errors import Problem
from freehold.spec.error import SpecError
from freehold.spec.syntax import SIZE_MAX_BYTES

FOLDER = "stacks"
REFERENCE = f"{FOLDER}/reference.yaml"

_STACK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def stack_file(stack: str, root: Path) -> Path:
    """The file of a stack; it need not exist. SpecError for a text that is no stack's name."""
    if not _STACK.fullmatch(stack):
        words = 'expected a stack name of letters, digits, ".", "_" and "-"'
        raise SpecError.of(f"stack {stack!r}", words)
    return root / FOLDER / f"Pulumi.{stack}.yaml"


def stacks(root: Path) -> tuple[str, ...]:
    """The names of the stacks that have a file, sorted."""
    files = (root / FOLDER).glob("Pulumi.*.yaml")
    return tuple(sorted(file.name[len("Pulumi.") : -len(".yaml")] for file in files))


def place_of(path: Path, root: Path) -> str:
    """A file as errors name it: relative to the checkout where it is inside."""
    absolute, base = Path(os.path.abspath(path)), Path(os.path.abspath(root))  # noqa: PTH100
    return str(absolute.relative_to(base) if absolute.is_relative_to(base) else path)


def read_text(path: Path, root: Path) -> str:
    """The file's text. SpecError when it cannot be read as UTF-8, with what to do about it."""
    place = place_of(path, root)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        known = ", ".join(stacks(root)) or "none"
        hint = f"stacks in {FOLDER}/: {known}; to begin one, copy {REFERENCE} to {place}"
        raise SpecError([Problem(place, "no such file", hint)]) from None
    except IsADirectoryError:
        raise SpecError([Problem(place, "expected a file, got a folder")]) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SpecError([Problem(place, f"cannot be read: {reason}")]) from None
    if len(content) > SIZE_MAX_BYTES:
        message = f"expected at most {SIZE_MAX_BYTES} bytes, got {len(content)}"
        raise SpecError([Problem(place, message)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].rpartition(b"\n")
        line, column = before[0].count(b"\n") + bool(before[1]) + 1, len(before[2]) + 1
        message = f"expected UTF-8, got the byte 0x{content[error.start]:02x}"
        raise SpecError([Problem(f"{place}:{line}:{column}", message)]) from None
