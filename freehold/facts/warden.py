"""The warden's program, run once on a box without being left there."""

from __future__ import annotations

from shlex import quote

from freehold.warden.program import program_text

_END = "end-of-freehold-warden"


def warden_script(*words: str) -> str:
    """A script that runs the program, read from the script itself, with these arguments."""
    arguments = " ".join(map(quote, words))
    return f"python3 -I - {arguments} <<'{_END}'\n{program_text()}{_END}\n"
