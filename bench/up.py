"""`pulumi up`: with nothing to change, and on a bare box until the first token."""

from __future__ import annotations

import re
from functools import partial

from bench.measure import Timing, alternate, timed
from bench.project import UP, Project
from freehold.errors import FreeholdError

_CREATED = re.compile(r"^ \+ +(\S+) .* created \(")
# What the engine prints for each, in this order, and what has been done by then.
_STAGES = {
    "freehold:box:Box": "program and provider started, box asked",
    "freehold:box:Engine": "engine on the box",
    "freehold:box:Weights": "weights on the box",
    "freehold:box:File": "key and unit on the box",
    "freehold:box:Service": "model loaded, first token",
}


def nothing_to_change(real: Project, empty: Project, rounds: int) -> dict[str, Timing]:
    """The real stack, converged already, and a Python program of no lines."""
    timed(empty.run(*UP))
    timed(real.run(*UP))
    projects = {"ours": real, "empty": empty}
    return alternate({name: partial(_unchanged, p) for name, p in projects.items()}, rounds)


def until_first_token(project: Project) -> dict[str, float]:
    """Seconds from the start of the first `up` to the end of each stage, the token the last."""
    ended_s: dict[str, float] = {}

    def hear(at_s: float, line: str) -> None:
        created = _CREATED.match(line)
        stage = _STAGES.get(created[1]) if created else None
        if stage is not None:
            ended_s[stage] = at_s  # of several files the last one counts

    timed(project.run(*UP), hear)
    missing = set(_STAGES.values()) - set(ended_s)
    if missing:
        raise FreeholdError.of("bench", f"pulumi up did not tell of: {', '.join(sorted(missing))}")
    return dict(sorted(ended_s.items(), key=lambda item: item[1]))


def _unchanged(project: Project) -> float:
    lines: list[str] = []
    took_s = timed(project.run(*UP), lambda _at_s, line: lines.append(line))
    summary = [line.strip() for line in lines[lines.index("Resources:") + 1 :] if line.strip()]
    if not re.fullmatch(r"\d+ unchanged", summary[0]):
        raise FreeholdError.of("bench", f"expected nothing to change, got {summary}")
    return took_s
