"""The engine's flags: made from the spec, checked against the build's own --help."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

from freehold.errors import Problem
from freehold.sizing.flags import Flags
from freehold.sizing.planned import Planned
from freehold.sizing.thinking import USUAL, thinking_flags
from freehold.spec.model import Model, Server
from freehold.weights.manifest import Manifest

CREDENTIAL = "api-key"


_ACCOUNT = ("--verbosity", "4")
"""At which it says where each part of the model lies; no prompt is logged (seen with 10434)."""

# Doors that a build has open by default: closed where it has them.
CLOSING: dict[str, str | None] = {
    "--no-slots": None,  # /slots shows other clients' prompts
    "--no-ui": None,
    "--offline": None,  # weights come from the store, never from a hub
    "--cors-origins": "http://localhost",
}


def engine_flags(
    model: Model, server: Server, weights: Manifest, engine: Manifest, planned: Planned
) -> tuple[tuple[str, ...], ...]:
    """llama-server's flags, each with its value: the service's own, those of the layout, the
    person's further ones. Raises FreeholdError where the build cannot think as the model should.

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
        ("--ctx-size", str(planned.context_tokens * planned.slots)),
        ("--parallel", str(planned.slots)),
        ("--threads", str(planned.threads)),
        ("--metrics", None),
    ]
    known = known_flags(engine.engine_help or "")
    if _ACCOUNT[0] in known:
        own.append(_ACCOUNT)
    thinking: Flags = ()
    if model.thinking is not None:
        thinking = thinking_flags(model.thinking, USUAL[model.thinking], known)
    closing = [(flag, value) for flag, value in CLOSING.items() if flag in known]
    further = [(flag, None if v is True else str(v)) for flag, v in server.flags.items()]
    return (*_words(own), *planned.flags, *thinking, *_words(closing), *_words(further))


def _words(pairs: Iterable[tuple[str, str | None]]) -> Iterator[tuple[str, ...]]:
    return ((flag,) if value is None else (flag, value) for flag, value in pairs)


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
