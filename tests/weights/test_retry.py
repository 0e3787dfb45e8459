"""How long is waited, and for how often."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from freehold.weights.retry import FailedError, Patience, asked_wait_s, persist

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "Fri, 01 May 2026 12:00:30 GMT"}, 30),
        ({"Retry-After": "Fri, 01 May 2026 12:00:30 -0000"}, 30),
        ({"Retry-After": "Fri, 01 May 2026 11:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"RateLimit": '"api";r=0;t=55'}, 55),
        ({"RateLimit": '"api";r=3;t=55'}, None),
        ({"Retry-After": "7", "RateLimit": '"api";r=0;t=55'}, 7),
    ],
)
def test_what_a_server_asks_to_wait_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait_s(headers, NOON) == seconds


def test_pauses_double_up_to_a_minute() -> None:
    pauses: list[float] = []

    def fail() -> None:
        raise FailedError("nothing")

    with pytest.raises(FailedError, match="nothing, 9 times in a row"):
        persist(fail, Patience(attempts=9), pauses.append)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


def test_what_would_fail_again_is_tried_once() -> None:
    pauses: list[float] = []

    def fail() -> None:
        raise FailedError("no such file", is_final=True)

    with pytest.raises(FailedError, match=r"no such file$"):
        persist(fail, Patience(), pauses.append)
    assert pauses == []
