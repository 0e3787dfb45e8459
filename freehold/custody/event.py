"""What happened to a copy of a set, as an entry of the ledger and as its bytes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from freehold.weights.manifest import Kind, Manifest

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Act(StrEnum):
    """What was done, or found."""

    PUT = "put"
    FETCHED = "fetched"
    ARRIVED = "arrived"
    VERIFIED = "verified"
    DAMAGED = "damaged"
    HEALED = "healed"
    SERVED = "served"
    WIPED = "wiped"
    REMOVED = "removed"
    LOST = "lost"


@dataclass(frozen=True)
class Event:
    """One act on one copy. `place` is the store's, or a node's name; `machine_id` is the node's.

    `details` are words and whole numbers: method, bytes, seconds, the hash of a proof, the engine
    build that it was served with. Raises ValueError for any other, which could not be signed as
    one text.
    """

    act: Act
    kind: Kind
    name: str
    digest: str
    place: str
    machine_id: str = ""
    details: Mapping[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        words = [self.name, self.digest, self.place, self.machine_id, *self.details]
        if not all(type(word) is str for word in words):
            raise ValueError(f"expected words, got {words}")
        wrong = {key: value for key, value in self.details.items() if type(value) not in (str, int)}
        if wrong:
            raise ValueError(f"details: expected words and whole numbers, got {wrong}")

    @classmethod
    def of(
        cls,
        act: Act,
        manifest: Manifest,
        place: str,
        machine_id: str = "",
        /,
        **details: str | int,
    ) -> Self:
        """What was done to the copy of `manifest` at `place`."""
        kind, name, digest = manifest.kind, manifest.name, manifest.digest
        return cls(act, kind, name, digest, place, machine_id, details)


@dataclass(frozen=True)
class Entry:
    """An event in its place in the ledger. `time` is UTC; `who` is user@machine.

    `previous` is the SHA-256 of the entry before it, "" of the first. `signature` is the owner's
    SSH signature of `signed_text`, "" where no key was at hand.
    """

    sequence: int
    time: str
    who: str
    event: Event
    previous: str
    signature: str = ""

    def __post_init__(self) -> None:
        if type(self.sequence) is not int or self.sequence < 1:
            raise ValueError(f"sequence: expected 1 or more, got {self.sequence!r}")
        for what, text, form in (("time", self.time, _TIME), ("previous", self.previous, _SHA256)):
            if not isinstance(text, str) or (text != "" and not form.fullmatch(text)):
                raise ValueError(f"{what}: expected {form.pattern}, got {text!r}")
        if type(self.who) is not str or type(self.signature) is not str:
            raise ValueError("who, signature: expected words")

    @cached_property
    def content(self) -> bytes:
        """As the store keeps it: one line, of which there is one way to write it."""
        return canonical(self.to_dict())

    @property
    def sha256(self) -> str:
        """The hash that the next entry names."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def signed_text(self) -> bytes:
        """What the signature is of; `jq -cS 'del(.signature)'` makes it of `content`."""
        return canonical({k: v for k, v in self.to_dict().items() if k != "signature"})

    def to_dict(self) -> dict[str, Any]:
        """Flat but for the details."""
        event = self.event
        return {
            "sequence": self.sequence,
            "time": self.time,
            "who": self.who,
            "act": str(event.act),
            "kind": str(event.kind),
            "name": event.name,
            "digest": event.digest,
            "place": event.place,
            "machine_id": event.machine_id,
            "details": dict(event.details),
            "previous": self.previous,
            "signature": self.signature,
        }

    @classmethod
    def of_dict(cls, known: Mapping[str, Any]) -> Entry:
        """What `to_dict` made. Raises ValueError for anything else."""
        try:
            rest = dict(known)
            of_entry = ("sequence", "time", "who", "previous", "signature")
            own = {key: rest.pop(key) for key in of_entry}
            act, kind = Act(rest.pop("act")), Kind(rest.pop("kind"))
            details = dict(rest.pop("details"))
            return cls(event=Event(act=act, kind=kind, details=details, **rest), **own)
        except (TypeError, KeyError) as error:
            raise ValueError(f"expected an entry of the ledger, got another: {error}") from None

    @classmethod
    def of_content(cls, content: bytes) -> Entry:
        """What `content` was. Raises ValueError for anything else, and for other spellings."""
        try:
            entry = cls.of_dict(json.loads(content))
        except RecursionError:
            raise ValueError("expected an entry, got lists in lists") from None
        if entry.content != content:
            raise ValueError("expected an entry in its one spelling, got another")
        return entry


def canonical(value: Any) -> bytes:
    """JSON in one line, keys sorted, nothing escaped that need not be: what `jq -cS` prints."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{text}\n".encode("utf-8", "surrogatepass")  # as json.loads decodes
