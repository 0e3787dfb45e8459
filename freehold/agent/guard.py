"""May a set be served: is it what its arrival proof says, and was it read whole not long ago?"""

from __future__ import annotations

import datetime
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from freehold.agent.marks import read_damage, read_verified
from freehold.agent.order import Order, OrderError
from freehold.agent.proof import proven
from freehold.agent.staging import ORDER

DAY_S = 86_400


def check(max_age_days: str, *folders: str) -> int:
    """Exit status 0 where all `folders` may be served; else each reason is a line on stderr.

    A fraction of a second for any size: of the files only what `stat` says is looked at.
    """
    now_s = time.time()
    reasons = [
        f"{folder}: {reason}"
        for folder in folders
        for reason in reasons_against(Path(folder), int(max_age_days), now_s)
    ]
    for reason in reasons:
        print(f"{error_level()}{reason}", file=sys.stderr)
    return 1 if reasons else 0


def reasons_against(folder: Path, max_age_days: int, now_s: float) -> Iterator[str]:
    """Why the set in `folder` may not be served at `now_s`; none where it may."""
    try:
        order = Order.of_bytes((folder / ORDER).read_bytes())
    except (OSError, OrderError) as error:
        yield f"expected a set that arrived whole, got {error}; fab weights.sync brings it"
        return
    if bad := read_damage(folder):
        yield f"{len(bad)} pieces are not what they were; fab weights.sync fetches them again"
    held = proven(folder)
    for file in order.files:
        if held.get(file.path) != file.sha256:
            yield f"{file.path} is not what its arrival proof says; fab weights.sync mends it"
    verified = read_verified(folder)
    if verified is None:
        yield "it was never read whole; fab weights.verify does that"
    # A clock that went back makes no set old: it is judged again when the clock is right.
    elif now_s - verified.began_s > max_age_days * DAY_S:
        day = datetime.datetime.fromtimestamp(verified.began_s, datetime.timezone.utc).date()
        yield (
            f"expected it to be read whole within {max_age_days} days, that was last on {day} "
            "by this node's clock; fab weights.verify does it now"
        )


def error_level() -> str:
    """What the journal takes for the level of a line, sd-daemon(3); nothing elsewhere."""
    return "<3>" if "JOURNAL_STREAM" in os.environ else ""
