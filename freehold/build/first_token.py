"""A first token from a build that nobody serves yet, by small weights that are on the node."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path

from freehold.facts.fact import gather
from freehold.facts.fileset import file_set_fact
from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, failure
from freehold.weights.manifest import Manifest

SMALL_BYTES = 4 << 30
"""Weights up to this size are loaded for it: in seconds, and beside a model that is served."""
LIMIT_S = 180
_PROGRAM = Path(__file__).with_name("first_token_program.py").read_text()
_AT = "/run/freehold-first-token"
# A user, a network and a folder of its own: the build is asked before anyone relies on it.
_SCRIPT = f"""\
exec systemd-run --quiet --wait --pipe --collect -p DynamicUser=yes -p PrivateNetwork=yes \
  -p PrivateTmp=yes -p ProtectSystem=strict -p ProtectHome=yes -p NoNewPrivileges=yes \
  -p RuntimeMaxSec={LIMIT_S} -p Nice=10 -p "BindReadOnlyPaths=$folder:{_AT}" \
  python3 -c "$program" {_AT}/llama-server "$model"
"""


def small_weights(host: Host, sets: Iterable[Manifest]) -> Manifest | None:
    """The smallest of the sets that lies on the node, whole; None where none does."""
    small = sorted((m for m in sets if m.size_bytes <= SMALL_BYTES), key=lambda m: m.size_bytes)
    facts = gather(host, [file_set_fact(each) for each in small])
    whole = (m for m, found in zip(small, facts, strict=True) if len(found.proven) == len(m.files))
    return next(whole, None)


def first_token(host: Host, folder: str, weights: Manifest) -> str:
    """What the llama-server in that folder of the node says after "The capital of France is".

    Raises HostError with its last lines where it says nothing.
    """
    settings = {"folder": folder, "model": weights.node_entry, "program": _PROGRAM}
    lines = [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
    command = Command("\n".join([*lines, _SCRIPT]), f"a first token by {weights.name}")
    done = host.run(command)
    if done.exit_status:
        raise failure(host.name, command.description, done, "the build is not put into the store")
    try:
        said = json.loads(done.stdout)["content"]
    except (ValueError, KeyError, TypeError):
        said = ""
    if not isinstance(said, str) or not said.strip():
        raise HostError.of(host.name, f"expected a first token, got {done.stdout[:200]!r}")
    return said
