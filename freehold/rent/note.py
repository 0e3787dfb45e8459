"""One entry of a lease's ledger: what was intended, done or found, as data and as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NoReturn

from freehold.custody.event import canonical
from freehold.rent.lease import TOKEN, time_of, time_text

VERSION = 1
_KEYS = ["act", "details", "sequence", "time", "token", "version", "who"]


class Act(StrEnum):
    """What a note is of.

    INTENT is the first, before anything exists. TRIED comes before each attempt to make an
    instance, REFUSED or MADE after it. RENEWING is a deadline that is allowed from now on, RENEWED
    the same one once every switch has it. ENDING begins a teardown, ENDED is of one instance that
    AWS says is terminated, CLOSED is the last.
    """

    INTENT = "intent"
    TRIED = "tried"
    REFUSED = "refused"
    MADE = "made"
    REACHED = "reached"
    RENEWING = "renewing"
    RENEWED = "renewed"
    ENDING = "ending"
    ENDED = "ended"
    AUDITED = "audited"
    CLOSED = "closed"


@dataclass(frozen=True)
class Note:
    """The entry `sequence` (from 1) of the lease `token`, written at `time` by `who`.

    `details` are JSON's values, as freehold.rent.record reads them; no secret is among them.
    """

    token: str
    sequence: int
    time: datetime
    who: str
    act: Act
    details: Mapping[str, Any]

    @property
    def content(self) -> bytes:
        """As the store keeps it: one line, of which there is one way to write it. Raises ValueError
        for details that JSON has no word for."""
        known = {
            "version": VERSION,
            "token": self.token,
            "sequence": self.sequence,
            "time": time_text(self.time),
            "who": self.who,
            "act": str(self.act),
            "details": plain(self.details),
        }
        try:
            return canonical(known)
        except TypeError as error:
            raise ValueError(f"details: {error}") from None

    @classmethod
    def of_content(cls, content: bytes) -> Note:
        """What `content` was. Raises ValueError for anything else, and for other spellings."""
        try:
            known = json.loads(content, parse_constant=_refuse)
        except RecursionError:
            raise ValueError("expected a note, got lists in lists") from None
        if not isinstance(known, dict):
            raise ValueError(f"expected a note, got {type(known).__name__}")
        version = known.get("version")
        if type(version) is int and version > VERSION:
            raise ValueError(f"a later Freehold wrote it: version {version}, known are {VERSION}")
        if sorted(known) != _KEYS or version != VERSION or not isinstance(known["details"], dict):
            raise ValueError("expected a note, got another mapping")
        token, sequence = str(known["token"]), known["sequence"]
        if not TOKEN.fullmatch(token) or type(sequence) is not int:
            raise ValueError(f"expected a token and a number, got {token!r} and {sequence!r}")
        act, time = Act(known["act"]), time_of(str(known["time"]))
        note = cls(token, sequence, time, str(known["who"]), act, known["details"])
        if note.content != content:
            raise ValueError("expected a note in its one spelling, got another")
        return note


def plain(value: Any) -> Any:
    """`value` of JSON's own types alone; a time becomes text as in tags."""
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, float) and value - value != 0:
        _refuse(str(value))
    return value


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"expected a number, got {word}")
