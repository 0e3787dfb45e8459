"""Tries to make an instance: each is known by its client token, before AWS hears of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from freehold.rent.details import details_of, value_of, word_of
from freehold.rent.lease import Offer
from freehold.rent.note import Act, Note
from freehold.rent.record import Record

REFUSED_FOR_NOW = frozenset(
    {
        "InsufficientCapacity",
        "InsufficientCapacityOnHost",
        "InsufficientHostCapacity",
        "InsufficientInstanceCapacity",
        "InsufficientReservedInstanceCapacity",
        "InstanceLimitExceeded",
        "MaxSpotInstanceCountExceeded",
        "PendingVerification",
        "ReservationCapacityExceeded",
        "SpotMaxPriceTooLow",
        "Unsupported",
        "UnsupportedHostConfiguration",
        "VcpuLimitExceeded",
    }
)
"""Another type, zone, region or market may do. Source: EC2 API reference, "Error codes"."""

ENDED_SINCE = "IdempotentInstanceTerminated"
OTHER_PARAMETERS = "IdempotentParameterMismatch"
"""What a client token that made an instance before is answered with."""

WITHOUT_ANSWER = frozenset(
    {
        "",
        "InternalError",
        "InternalFailure",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServerInternal",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "Unavailable",
        "500",
        "502",
        "503",
        "504",
    }
)
"""After these an instance may have been made, or not."""


@dataclass(frozen=True)
class Try:
    """One attempt. The same client token makes one instance, however often it is sent.

    `tried_at` is when it was first noted; None of a new one.
    """

    client_token: str
    offer: Offer
    tried_at: datetime | None = None

    @property
    def details(self) -> dict[str, Any]:
        """As its note TRIED has it."""
        return {"client_token": self.client_token, **details_of(self.offer)}


def next_try(record: Record, generation: str, offer: Offer) -> Try:
    """A new one: its number in the lease was never used."""
    number = 1 + sum(note.act is Act.TRIED for note in record.notes)
    return Try(f"{record.lease.token}-{generation}-{number}", offer)


def generation_of(client_token: str) -> str:
    """Of which generation a try was; "" where the token is none of ours."""
    parts = client_token.split("-")
    return parts[1] if len(parts) == 3 else ""


def open_tries(record: Record) -> tuple[Try, ...]:
    """Those that were begun, and of which nobody knows how they ended. Raises ValueError."""
    return tuple(map(_try_of, record.open_tries))


def try_by(record: Record, client_token: str) -> Try | None:
    """The try that an instance came of; None where the ledger has none."""
    for note in record.notes:
        if note.act is Act.TRIED and note.details.get("client_token") == client_token:
            return _try_of(note)
    return None


def _try_of(note: Note) -> Try:
    return Try(word_of(note.details, "client_token"), value_of(Offer, note.details), note.time)
