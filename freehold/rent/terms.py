"""What every step of a launch needs: where it is noted, who is told, and how it waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from freehold.rent.aws import Aws
from freehold.rent.book import LeaseBook, utc_now
from freehold.rent.lease import Lease
from freehold.rent.run_instances import Wanted

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Terms:
    """Of one launch. `say` hears a line a try; `pause` waits seconds; `is_cancelled` is asked
    wherever it can stop."""

    aws: Aws
    book: LeaseBook
    lease: Lease
    wanted: Wanted
    say: Callable[[str], None]
    clock: Clock = utc_now
    pause: Callable[[float], None] = time.sleep
    is_cancelled: Callable[[], bool] = lambda: False
