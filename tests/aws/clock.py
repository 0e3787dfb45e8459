"""The world's clock: it stands until a test moves it, to either side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Called, it gives the time (UTC, whole seconds); it starts at the real one."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self._now

    def advance(self, **by: float) -> datetime:
        """As timedelta's arguments: `advance(hours=2)`; a negative one steps it back."""
        self._now += timedelta(**by)
        return self._now

    def set(self, at: datetime) -> None:
        """Step to a time."""
        self._now = at.astimezone(UTC)
