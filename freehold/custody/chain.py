"""Whether the entries of a ledger are all there, in their order, and as they were written."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from freehold.custody.copies import Copy, copies_of
from freehold.custody.event import Act, Entry
from freehold.errors import Problem
from freehold.weights.objects import StoreError
from freehold.weights.owner import Owner, Signer

HINT = "someone changed the ledger: compare it with a report that you keep, fab weights.report"


class LedgerError(StoreError):
    """The ledger is not what was written, or cannot be written."""


@dataclass(frozen=True)
class Ledger:
    """Entries whose chain holds. `unsigned` are those that do not bear the asked owner's
    signature, by sequence; none where no owner was asked for."""

    entries: tuple[Entry, ...]
    unsigned: tuple[int, ...] = ()

    @property
    def head(self) -> str:
        """SHA-256 of the last entry, which stands for all; "" where there is none."""
        return self.entries[-1].sha256 if self.entries else ""

    def copies(self) -> tuple[Copy, ...]:
        """Every copy that ever was, in the order in which they came."""
        return copies_of(self.entries)

    def served_with(self, digest: str) -> tuple[str, ...]:
        """The engine builds that a set was served with, each once, the first one first."""
        engines = (
            str(entry.event.details.get("engine", ""))
            for entry in self.entries
            if entry.event.act is Act.SERVED and entry.event.digest == digest
        )
        return tuple(dict.fromkeys(filter(None, engines)))


def check_chain(contents: Mapping[str, bytes], owner: Owner | None) -> Ledger:
    """The ledger of these entries, from the first; a key is the place that an error names.

    What was changed, taken out, put in or moved is named. What a chain cannot tell by itself is
    that its end was cut off: for that somebody outside must know a later `head`, as a kept report
    does. Nor can it tell that it was written anew as a whole, or that its last entry was changed,
    where no owner is asked for. Raises LedgerError.
    """
    problems: list[Problem] = []
    entries: dict[str, Entry] = {}
    moved_by = 0
    for number, (place, content) in enumerate(contents.items(), 1):
        try:
            entry = Entry.of_content(content)
        except ValueError as error:
            problems.append(Problem(place, f"expected entry {number}, got {error}", HINT))
            continue
        entries[place] = entry
        before, moved_by = moved_by, entry.sequence - number
        if moved_by not in (0, before):  # what follows one that was taken out is not at fault
            message = f"expected entry {number}, got entry {entry.sequence}"
            problems.append(Problem(place, message, HINT))
    problems = problems or _unlinked(entries)
    signers = _signers(entries, owner)
    problems += [
        Problem(place, f"entry {entries[place].sequence} was changed since it was signed", HINT)
        for place, signer in signers.items()
        if signer is Signer.NOBODY and place not in {problem.place for problem in problems}
    ]
    if problems:
        raise LedgerError(problems)
    unsigned = [
        e.sequence for place, e in entries.items() if signers.get(place) is not Signer.OWNER
    ]
    return Ledger(tuple(entries.values()), tuple(unsigned) if owner else ())


def _unlinked(entries: Mapping[str, Entry]) -> list[Problem]:
    """Each entry that is not the one that the next was written after.

    From the last to the first: what a changed entry says of the one before it proves nothing.
    """
    problems: list[Problem] = []
    is_after_named = False
    pairs = list(entries.items())
    for (place, entry), (_, after) in reversed(list(itertools.pairwise(pairs))):
        is_named = entry.sha256 != after.previous and not is_after_named
        if is_named:
            message = (
                f"entry {entry.sequence} was changed since entry {after.sequence} was written\n"
                f"expected sha256 {after.previous}\nfound    sha256 {entry.sha256}"
            )
            problems.append(Problem(place, message, HINT))
        is_after_named = is_named
    if pairs and pairs[0][1].previous:
        problems.append(Problem(pairs[0][0], "expected a first entry, got one after another", HINT))
    return problems[::-1]


def _signers(entries: Mapping[str, Entry], owner: Owner | None) -> dict[str, Signer]:
    """Whose each signature is; of what bears none, or where no owner is asked for, nothing."""
    if owner is None:
        return {}
    signed = {place: entry for place, entry in entries.items() if entry.signature}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # a process each, 9 ms
        found = pool.map(lambda e: owner.signer_of(e.signed_text, e.signature), signed.values())
        return dict(zip(signed, found, strict=True))
