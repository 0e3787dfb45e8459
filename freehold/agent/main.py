"""The program's verbs, and its errors in one line."""

from __future__ import annotations

import importlib
import sys

from freehold.agent.order import OrderError

# Each is loaded when it is called for: a check before a start waits for no other.
VERBS = {
    "receive": "freehold.agent.receive",
    "land": "freehold.agent.receive",
    "pull": "freehold.agent.pull",
    "swarm": "freehold.agent.swarm",
    "check": "freehold.agent.guard",
    "verify": "freehold.agent.scrub",
    "scrub": "freehold.agent.scrub",
    "wipe": "freehold.agent.wipe",
}
"""The module that has a function of the verb's name: its exit status, or None for 0."""


def main(arguments: list[str]) -> int:
    """Run a verb; its exit status. What went wrong is one line on stderr."""
    verb, *rest = arguments or ["nothing"]
    if verb not in VERBS:
        print(f"expected one of {', '.join(VERBS)}, got {verb}", file=sys.stderr)
        return 2
    try:
        return getattr(importlib.import_module(VERBS[verb]), verb)(*rest) or 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{where}{error.strerror or error}", file=sys.stderr)
        return 1
    except OrderError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
