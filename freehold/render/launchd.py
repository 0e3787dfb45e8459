"""What a Mac's launchd runs: the server, and the limit of what its GPU may hold.

Rendered and linted; a person places them, and no Mac was at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from freehold.render.templates import render

SERVER_PLIST_PATH = "/Library/LaunchDaemons/freehold.llama-server.plist"
WIRED_PLIST_PATH = "/Library/LaunchDaemons/freehold.wired-limit.plist"
# Left to the system and to what is not the GPU's: Apple's own default leaves a quarter.
LEAST_LEFT_MB = 8192


@dataclass(frozen=True)
class ServerPlist:
    """What the server's template may use; each text is XML's already."""

    user: str
    words: tuple[str, ...]
    log: str


@dataclass(frozen=True)
class WiredPlist:
    """What the limit's template may use."""

    limit_mb: int


def server_plist(user: str, words: Sequence[str], log: str) -> str:
    """Started at boot as `user`, and again when it crashes. `words` are the engine and its flags:
    the key comes by --api-key-file, never as a word."""
    return render(
        SERVER_PLIST_PATH, ServerPlist(escape(user), tuple(map(escape, words)), escape(log))
    )


def wired_plist(limit_mb: int, memory_mb: int) -> str:
    """The one thing that takes root. Raises ValueError where too little would be left."""
    if not 0 < limit_mb <= memory_mb - LEAST_LEFT_MB:
        raise ValueError(
            f"expected a limit of at most {memory_mb - LEAST_LEFT_MB} MiB, got {limit_mb}"
        )
    return render(WIRED_PLIST_PATH, WiredPlist(limit_mb))
