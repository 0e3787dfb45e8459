"""What OpenSSH complained of, in words that name what was expected and what to do."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from pathlib import Path

from freehold.hosts.host import UnreachableError

_OFFERED = re.compile(r"fingerprint for the (\S+) key sent by the remote host is\s+(\S+?)\.?\s")
_KNOWN = re.compile(r"Offending (\S+) key in (.+):(\d+)")

_UNKNOWN_KEY = r"No \S+ host key is known for|Host key verification failed"
# (what OpenSSH prints, what it means, what to do), the first match wins.
_KINDS = [
    (
        _UNKNOWN_KEY,
        "expected a known host key, found none in known_hosts",
        "run `ssh {destination}` once by hand and compare the fingerprint with the box's own",
    ),
    (
        r"Permission denied",
        "expected to log in by key, was refused",
        "load the key into ssh-agent, or name it by IdentityFile in ~/.ssh/config",
    ),
    (
        r"Could not resolve hostname",
        "expected a host name that resolves",
        "check `ssh:` of this node in the stack, and HostName in ~/.ssh/config",
    ),
    (r"Connection refused", "expected sshd, the port is closed", "is sshd running there?"),
    (
        r"timed out|No route to host|Network is unreachable|not responding",
        "expected an answer, the host is silent",
        "is it switched on, and does the network reach it?",
    ),
]
_CHANGED = (
    "if the box was set up anew, remove the old key by `ssh-keygen -R`; else someone stands between"
)
_NOT_THE_PINNED = "someone stands between, or the instance was made anew behind its back"
_UNLIKE_PINNED = ("expected one of the host keys that were pinned, found another", _NOT_THE_PINNED)


def explain(
    place: str,
    destination: str,
    stderr: str,
    during: str = "connecting",
    *,
    is_pinned: bool = False,
) -> UnreachableError:
    """The error for an ssh that ended by itself (status 255), from what it printed; the host's
    keys are the user's to know, unless they were pinned."""
    said = [line.strip("\r") for line in stderr.splitlines() if line.strip()]
    if offered := _OFFERED.search(stderr):
        return UnreachableError.of(
            place,
            f"{during}: the host key of {destination} has changed: refused\n"
            f"expected {_known_fingerprint(stderr)}\n"
            f"found    {offered[1]} {offered[2]}",
            _NOT_THE_PINNED if is_pinned else _CHANGED,
        )
    kinds = [(_UNKNOWN_KEY, *_UNLIKE_PINNED), *_KINDS] if is_pinned else _KINDS
    meaning, hint = next(
        ((meaning, hint) for pattern, meaning, hint in kinds if re.search(pattern, stderr)),
        ("the connection was lost", "the same command goes on where it stopped"),
    )
    return UnreachableError.of(
        place,
        "\n".join([f"{during}: ssh {destination}: {meaning}", *said[-5:]]),
        hint.format(destination=destination),
    )


def _known_fingerprint(stderr: str) -> str:
    """The fingerprint of the key that known_hosts holds, at the line that OpenSSH named."""
    named = _KNOWN.search(stderr)
    if named is None:
        return "the key in known_hosts"
    kind, path, line = named[1], named[2], int(named[3])
    try:
        fields = Path(path).read_text().splitlines()[line - 1].split()
        blob = base64.b64decode(next(f for f in fields if f.startswith("AAAA")))
    except (OSError, IndexError, StopIteration, binascii.Error):
        return f"{kind}, at {path}:{line}"
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"{kind} SHA256:{digest} ({path}:{line})"
