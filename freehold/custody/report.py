"""The report on custody: what the store holds, where each copy is and was, and the proof of it."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from freehold.custody.chain import Ledger, LedgerError, check_chain
from freehold.custody.copies import Copy
from freehold.custody.event import Entry, canonical
from freehold.errors import Problem
from freehold.weights.manifest import Manifest
from freehold.weights.owner import Owner, Signer

VERSION = 1
CHANGED = "it was changed since it was made, or is another's"


class ReportError(LedgerError):
    """A report is not what was made, or the ledger is not the one that it was made of."""


@dataclass(frozen=True)
class Report:
    """`content` is plain data, `signature` the owner's of it, `digest` the SHA-256 of both.

    `content`: version, time, who, store, owner, sets, copies, ledger (head, unsigned, entries).
    """

    content: dict[str, Any]
    digest: str
    signature: str

    @classmethod
    def of(
        cls,
        store_place: str,
        manifests: Iterable[Manifest],
        ledger: Ledger,
        made: tuple[str, str],
        owner: Owner | None,
    ) -> Report:
        """`made` is the time and who. Raises SignatureError where the owner's key cannot sign."""
        time, who = made
        content = {
            "version": VERSION,
            "time": time,
            "who": who,
            "store": store_place,
            "owner": owner.public if owner else "",
            "sets": [_set(manifest, ledger) for manifest in manifests],
            "copies": [copy_data(copy) for copy in ledger.copies()],
            "ledger": {
                "head": ledger.head,
                "unsigned": list(ledger.unsigned),
                "entries": [entry.to_dict() for entry in ledger.entries],
            },
        }
        signature = owner.sign(canonical(content)) if owner else ""
        return cls(content, digest_of(content, signature), signature)

    def to_json(self) -> str:
        """As it is kept: of one report there is one such text."""
        known = {"digest": self.digest, "signature": self.signature, "report": self.content}
        return json.dumps(known, indent=1, sort_keys=True) + "\n"

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Of the ledger, as it was."""
        found: list[dict[str, Any]] = self.content["ledger"]["entries"]
        return found


def digest_of(content: dict[str, Any], signature: str) -> str:
    """SHA-256 of what a report says and of its signature, one line of JSON with sorted keys."""
    known = {"report": content, "signature": signature}
    return hashlib.sha256(canonical(known)).hexdigest()


def check_report(place: str, text: str, owner: Owner | None) -> tuple[Report, Ledger]:
    """The report that `text` is, if not a letter of it was changed since it was made.

    Its lines of the ledger hold each other, and all else must follow from them; the digest and,
    where an owner is asked for, the signature hold the whole. Without one, whoever changed it may
    have made a new digest: compare that with the one that was printed when the report was made.
    Raises ReportError naming what does not hold.
    """
    try:
        known = json.loads(text)
        report = Report(known["report"], str(known["digest"]), str(known["signature"]))
        entries = [canonical(entry) for entry in report.entries]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ReportError.of(place, "expected a report on custody, got another file") from None
    contents = {f"{place}: ledger {n}": content for n, content in enumerate(entries, 1)}
    try:
        ledger = check_chain(contents, owner)
    except LedgerError as error:
        raise ReportError(error.problems) from None
    if faults := list(_faults(text, report, ledger, owner)):
        raise ReportError(Problem(place, fault, CHANGED) for fault in faults)
    return report, ledger


def _faults(text: str, report: Report, ledger: Ledger, owner: Owner | None) -> Iterator[str]:
    lines = itertools.zip_longest(text.split("\n"), report.to_json().split("\n"), fillvalue="")
    for number, (found, expected) in enumerate(lines, 1):
        if found != expected:
            yield f"line {number}: expected {expected[:80]!r}, got {found[:80]!r}"
            break
    digest = digest_of(report.content, report.signature)
    if digest != report.digest:
        yield f"expected the digest {report.digest}, got {digest}"
    if report.content["ledger"].get("head") != ledger.head:
        yield f"ledger: expected the head {ledger.head}, as its last entry is, got another"
    if report.content.get("copies") != [copy_data(copy) for copy in ledger.copies()]:
        yield "copies: expected what follows from the ledger, got something else"
    if owner is not None:
        signer = owner.signer_of(canonical(report.content), report.signature)
        if signer is not Signer.OWNER:
            words = f"expected the signature of {owner.key} ({owner.fingerprint})"
            yield f"{words}, got that of {signer.value}"


def require_continued(place: str, report: Report, ledger: Ledger) -> None:
    """Raises ReportError unless today's `ledger` goes on where the earlier `report` ended.

    This is what finds that the end of a ledger was cut off, or all of it written anew.
    """
    count = len(report.entries)
    if not count:
        return
    head = report.content["ledger"]["head"]
    there = ledger.entries[count - 1].sha256 if len(ledger.entries) >= count else "none"
    if there != head:
        raise ReportError.of(
            place,
            f"expected entry {count} of the ledger to be {head}, as in this report, found {there}",
            "entries were cut off, or written anew, since the report was made",
        )


def _set(manifest: Manifest, ledger: Ledger) -> dict[str, Any]:
    return {
        "kind": str(manifest.kind),
        "name": manifest.name,
        "digest": manifest.digest,
        "size_bytes": manifest.size_bytes,
        "about": dict(manifest.about),
        "served_with": list(ledger.served_with(manifest.digest)),
        "files": [
            {
                "path": file.path,
                "size_bytes": file.size_bytes,
                "sha256": file.sha256,
                "pieces_root": file.pieces_root,
            }
            for file in manifest.files
        ],
    }


def copy_data(copy: Copy) -> dict[str, Any]:
    """A copy as plain data; `arrived`, `verified` and `gone` have time and proof, or are None."""
    event = copy.latest.event
    return {
        "kind": str(event.kind),
        "name": event.name,
        "digest": event.digest,
        "place": event.place,
        "machine_id": event.machine_id,
        "state": str(copy.state),
        "is_there": copy.is_there,
        "since": copy.latest.time,
        "arrived": _moment(copy.arrived),
        "verified": _moment(copy.verified),
        "gone": _moment(copy.gone),
    }


def _moment(entry: Entry | None) -> dict[str, Any] | None:
    """When it was, where in the ledger, and with what proof."""
    if entry is None:
        return None
    return {"time": entry.time, "entry": entry.sequence, "details": dict(entry.event.details)}
