"""The program's verbs, and its errors in one line."""

from __future__ import annotations

import importlib
import sys
from typing import List

VERBS = {
    "report": "freehold.warden.report",
    "tune": "freehold.warden.tuning",
    "untune": "freehold.warden.tuning",
    "tuned": "freehold.warden.tuning",
    "guard": "freehold.warden.guard",
    "textfile": "freehold.warden.textfile",
}
"""The module that has a function of the verb's name: its exit status, or None for 0."""


def main(arguments: List[str]) -> int:
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
    except KeyboardInterrupt:
        return 130
