"""What the resources of a rented node share: AWS, the lease's ledger, and what is said."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from freehold.infra.keeping import Keeping
from freehold.infra.likely import LikelyTypes
from freehold.infra.sessions import Sessions
from freehold.rent.aws import Aws
from freehold.rent.book import LeaseBook


@dataclass(frozen=True)
class Renting:
    """Of one operation."""

    aws: Aws
    sessions: Sessions
    keeping: Keeping
    likely: LikelyTypes

    def book(self) -> LeaseBook:
        """The ledger in the stack's store. Raises StoreError where that cannot be reached."""
        return LeaseBook(self.keeping.open_store().objects)

    def say(self, urn: str) -> Callable[[str], None]:
        """For lines that stay."""
        return partial(self.keeping.log.info, urn)

    def show(self, urn: str) -> Callable[[str], None]:
        """For a state that passes."""
        return partial(self.keeping.log.status, urn)

    def is_cancelled(self) -> bool:
        """Whether the engine was told to stop."""
        return self.sessions.cancelled.is_set()

    def pause(self, seconds: float) -> None:
        """Wait so long, or until the engine is told to stop."""
        self.sessions.pause(seconds)


def uninterrupted(seconds: float) -> None:
    """Wait so long: what ends an instance goes on after Ctrl-C."""
    time.sleep(seconds)
