"""How long a server is waited for that stalls, refuses for now, or breaks off."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import TypeVar

T = TypeVar("T")
PROGRESS_BYTES = 1 << 20  # an attempt that brought as much was none in vain

# huggingface.co says so beside a 429: `RateLimit: "resolvers";r=0;t=120`, t in seconds. Source:
# draft-ietf-httpapi-ratelimit-headers-09, which its client reads too (utils/_http.py).
_RATE_LIMIT = re.compile(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d{1,9})\b")


@dataclass(frozen=True)
class Patience:
    """`timeout_s` is without a byte; `attempts` are those in a row that bring next to nothing.

    The pause before another doubles from `backoff_s` to `backoff_max_s`, unless the server says
    how long to wait; it is not waited for longer than `wait_max_s`.
    """

    timeout_s: float = 30
    attempts: int = 8
    backoff_s: float = 1
    backoff_max_s: float = 60
    wait_max_s: float = 900

    def pause_s(self, failures: int, asked_s: float | None) -> float:
        """How long to wait after so many attempts in vain."""
        if asked_s is not None:
            return asked_s
        return min(self.backoff_s * 2.0 ** max(failures - 1, 0), self.backoff_max_s)


class FailedError(Exception):
    """One attempt at something failed: what was got in its place.

    `is_final`: the next one would too. `asked_s` is what the server asks to wait;
    `brought_bytes` are those that no attempt before had.
    """

    def __init__(
        self,
        got: str,
        hint: str | None = None,
        *,
        is_final: bool = False,
        asked_s: float | None = None,
    ) -> None:
        super().__init__(got)
        self.got, self.hint = got, hint
        self.is_final, self.asked_s, self.brought_bytes = is_final, asked_s, 0


def persist(attempt: Callable[[], T], patience: Patience, pause: Callable[[float], object]) -> T:
    """What `attempt` returns at last. Raises FailedError of the last one when patience ends."""
    failures = 0
    while True:
        try:
            return attempt()
        except FailedError as failed:
            failures = 0 if failed.brought_bytes >= PROGRESS_BYTES else failures + 1
            if failed.is_final:
                raise
            if failures >= patience.attempts:
                raise FailedError(f"{failed.got}, {failures} times in a row", failed.hint) from None
            asked_s = failed.asked_s
            if asked_s is not None and asked_s > patience.wait_max_s:
                words = f"{failed.got}: it asks to wait for {asked_s:.0f} s"
                raise FailedError(words, "try again then") from None
            pause(patience.pause_s(failures, asked_s))


def asked_wait_s(headers: Mapping[str, str] | Message, now: datetime | None = None) -> float | None:
    """The seconds that a refusal's headers ask to wait; None where they do not say.

    Retry-After is seconds or a date (RFC 9110, 10.2.3).
    """
    after = headers.get("Retry-After", "").strip()
    if after.isdecimal():
        return float(after)
    if after:
        try:
            date = parsedate_to_datetime(after)
        except ValueError:
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max((date - (now or datetime.now(UTC))).total_seconds(), 0)
    limited = _RATE_LIMIT.search(headers.get("RateLimit", ""))
    return float(limited[1]) if limited else None
