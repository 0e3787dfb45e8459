"""The engine's flags: made from the spec, checked against the build's own --help."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from freehold.errors import Problem
from freehold.spec.model import Model, Server
from freehold.weights.manifest import Manifest

CREDENTIAL = "api-key"


# Doors that a build has open by default: closed where it has them.
CLOSING: dict[str, str | None] = {
    "--no-slots": None,  # /slots shows other clients' prompts
    "--no-ui": None,
    "--offline": None,  # weights come from the store, never from a hub
    "--cors-origins": "http://localhost",
}


def engine_flags(
    model: Model, server: Server, weights: Manifest, engine: Manifest, threads: int
) -> tuple[tuple[str, ...], ...]:
    """llama-server's flags, each with its value. `threads` holds where the spec names none.

    Every flag and its value are two items: `--flag=value` is refused by the engine. The port and
    the context are always passed: the defaults of both moved between builds.
    """
    own = [
        ("--model", weights.node_entry),
        ("--alias", model.alias),
        ("--host", server.listen),
        ("--port", str(server.port)),
        ("--api-key-file", f"${{CREDENTIALS_DIRECTORY}}/{CREDENTIAL}"),
        # With an explicit --parallel each slot gets its share: the context is the product.
        ("--ctx-size", str(server.context_tokens * server.slots)),
        ("--parallel", str(server.slots)),
        ("--threads", str(server.threads or threads)),
        ("--metrics", None),
    ]
    known = known_flags(engine.engine_help or "")
    closing = [(flag, value) for flag, value in CLOSING.items() if flag in known]
    further = [(flag, None if v is True else str(v)) for flag, v in server.flags.items()]
    pairs = [*own, *closing, *further]
    return tuple((flag,) if value is None else (flag, value) for flag, value in pairs)


def known_flags(engine_help: str) -> frozenset[str]:
    """The flags that a build's --help lists, in all of their spellings."""
    heads = (re.split(r"\s{2,}", line)[:3] for line in engine_help.splitlines() if line[:1] == "-")
    return frozenset(
        flag
        for head in heads
        for part in head
        if part.startswith("-")
        for flag in re.findall(r"(?<![\w-])-{1,2}[a-zA-Z][\w.-]*", part)
    )


def flag_problems(place: str, flags: Iterable[str], engine: Manifest) -> list[Problem]:
    """A problem for each flag that the engine build lacks."""
    known = known_flags(engine.engine_help or "")
    problems = []
    for flag in flags:
        if flag in known:
            continue
        near = difflib.get_close_matches(flag, known, n=1)
        problems.append(
            Problem(
                place,
                f"engine {engine.name} has no flag {flag}"
                + (f'; did you mean "{near[0]}"?' if near else ""),
                f"fab engine.help --name {engine.name} lists those it has",
            )
        )
    return problems
