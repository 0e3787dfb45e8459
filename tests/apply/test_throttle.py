"""How fast a sync may send, against a clock that the tests turn."""

from __future__ import annotations

from datetime import datetime

import pytest

from freehold.apply.throttle import Throttle, rate_at
from freehold.spec.transfer import RateLimit

DAY = RateLimit(mbit_per_s=80, from_time="08:00", to_time="18:00")
NIGHT = RateLimit(mbit_per_s=400, from_time="22:00", to_time="06:00")
ALWAYS = RateLimit(mbit_per_s=800)


@pytest.mark.parametrize(
    ("time", "mbit_per_s"),
    [
        ("07:59", 800),
        ("08:00", 80),
        ("17:59", 80),
        ("18:00", 800),
        ("22:00", 400),
        ("03:00", 400),
        ("06:00", 800),
    ],
)
def test_the_lowest_limit_of_the_hour_holds(time: str, mbit_per_s: int) -> None:
    now = datetime.fromisoformat(f"2026-11-24T{time}")
    assert rate_at((ALWAYS, DAY, NIGHT), now) == mbit_per_s * 1e6 / 8


def test_no_limit_holds_outside_its_hours() -> None:
    assert rate_at((DAY,), datetime(2026, 11, 24, 20, 0)) is None


class Clock:
    """Time passes only while somebody waits, and jumps when told."""

    def __init__(self) -> None:
        self.now_s, self.day = 1000.0, datetime(2026, 11, 24, 12, 0)
        self.waited_s = 0.0

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.waited_s += seconds

    def throttle(self, *limits: RateLimit) -> Throttle:
        return Throttle(limits, 4, lambda: self.now_s, self.wait, lambda: self.day)


def test_a_sync_takes_as_long_as_its_limit_says() -> None:
    clock = Clock()
    throttle = clock.throttle(DAY)
    for _ in range(101):
        throttle.take(1_000_000)  # at 10 MB/s
    assert clock.waited_s == pytest.approx(10, abs=0.6)


def test_without_a_limit_nobody_waits() -> None:
    clock = Clock()
    throttle = clock.throttle()
    throttle.take(10**12)
    assert clock.waited_s == 0


def test_a_wall_clock_that_jumps_changes_the_hour_and_nothing_else() -> None:
    clock = Clock()
    throttle = clock.throttle(DAY)
    throttle.take(10_000_000)
    clock.day = datetime(1971, 1, 1, 12, 0)
    throttle.take(10_000_000)
    assert clock.waited_s == pytest.approx(1, abs=0.6)
    clock.day = datetime(2038, 1, 1, 20, 0)
    throttle.take(10**12)
    assert clock.waited_s == pytest.approx(1, abs=0.6)
