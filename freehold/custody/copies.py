"""Where each copy of a set is or was, from what the ledger says of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from freehold.custody.event import Act, Entry

_COMES = {Act.PUT, Act.FETCHED, Act.ARRIVED}
_GOES = {Act.WIPED, Act.REMOVED, Act.LOST}


@dataclass(frozen=True)
class Copy:
    """A set at one place. `latest` is the last entry that says in what state it is.

    `arrived`, `verified` and `gone` are the last entries of that sort since it came there; a node
    is the same one by its machine_id, whatever it is called.
    """

    latest: Entry
    arrived: Entry | None = None
    verified: Entry | None = None
    gone: Entry | None = None

    @property
    def state(self) -> Act:
        """What was last done to it, or found."""
        return self.latest.event.act

    @property
    def is_there(self) -> bool:
        """Whether nothing says that it is gone."""
        return self.gone is None

    @property
    def is_whole(self) -> bool:
        """Whether it is there, and nothing says that it is damaged."""
        return self.is_there and self.state is not Act.DAMAGED

    def after(self, entry: Entry) -> Copy:
        """The copy once more happened to it."""
        act = entry.event.act
        if act in _COMES:
            return Copy(entry, arrived=entry)
        if act is Act.SERVED:
            return self
        verified = entry if act in (Act.VERIFIED, Act.HEALED) else self.verified
        gone = entry if act in _GOES else None
        return replace(self, latest=entry, verified=verified, gone=gone)


def copies_of(entries: Iterable[Entry]) -> tuple[Copy, ...]:
    """Every copy that the entries speak of, in the order in which they came."""
    found: dict[tuple[str, str, str], Copy] = {}
    for entry in entries:
        event = entry.event
        key = (event.kind, event.digest, event.machine_id or event.place)
        found[key] = found.get(key, Copy(entry)).after(entry)
    return tuple(found.values())
