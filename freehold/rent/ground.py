"""What every row of a quote is made of: what is wanted, and what AWS answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from freehold.rent.need import Need
from freehold.rent.sounding import Sounding
from freehold.rent.wish import Wish


@dataclass(frozen=True)
class Ground:
    """`now` is when AWS was asked, and when the lease would begin."""

    sounding: Sounding
    wish: Wish
    need: Need
    now: datetime
