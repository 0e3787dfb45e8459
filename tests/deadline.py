"""Waiting for what another process does, without sleeping and never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable


def in_time(condition: Callable[[], object], timeout_s: float = 20) -> bool:
    """Whether `condition` came to hold within `timeout_s`; it is asked again and again."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
    return True
