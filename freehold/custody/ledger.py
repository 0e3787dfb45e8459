"""The ledger in a store: an append-only chain, one object an entry."""

from __future__ import annotations

import datetime
import getpass
import hashlib
import re
import socket
from dataclasses import replace

from freehold.custody.chain import HINT, Ledger, LedgerError, check_chain
from freehold.custody.event import Entry, Event
from freehold.errors import Problem
from freehold.weights.objects import TakenError
from freehold.weights.owner import Owner, SignatureError
from freehold.weights.store import Store

FOLDER = "custody/"
_NAME = re.compile(rf"{FOLDER}(\d{{9}})\.json", re.ASCII)


def record(store: Store, event: Event, owner: Owner | None = None) -> Entry:
    """Write what happened as the ledger's next entry, signed if the owner's key is at hand.

    Two may do so at once. Raises StoreError where the store cannot be written.
    """
    while True:
        last = max(_sequences(store), default=0)
        previous = hashlib.sha256(_content(store, last)).hexdigest() if last else ""
        entry = _signed(Entry(last + 1, now(), who(), event, previous), owner)
        try:
            store.objects.put(entry_name(entry.sequence), entry.content, is_new=True)
        except TakenError:
            if max(_sequences(store), default=0) == last:
                raise
        else:
            return entry


def read_ledger(store: Store, owner: Owner | None = None) -> Ledger:
    """The store's ledger, if it holds (see check_chain). Raises LedgerError naming what does not.

    With `owner` signatures are checked too.
    """
    there = sorted(_sequences(store))
    problems = [
        Problem(f"{store.place}/{name}", "expected nothing but entries of the ledger here", HINT)
        for name in store.objects.names(FOLDER)
        if not _NAME.fullmatch(name)
    ]
    problems += [
        Problem(f"{store.place}/{entry_name(lacking)}", f"entry {lacking} is missing", HINT)
        for lacking in sorted(set(range(1, max(there, default=0) + 1)) - set(there))
    ]
    if problems:
        raise LedgerError(problems)
    contents = {f"{store.place}/{entry_name(n)}": _content(store, n) for n in there}
    return check_chain(contents, owner)


def entry_name(sequence: int) -> str:
    """The object that is an entry."""
    return f"{FOLDER}{sequence:09d}.json"


def now() -> str:
    """UTC, to the microsecond."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def who() -> str:
    """The user and machine that this runs as and on."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in a container
        user = "unknown"
    return f"{user}@{socket.gethostname()}".encode("utf-8", "replace").decode()


def _signed(entry: Entry, owner: Owner | None) -> Entry:
    """A key that is locked away stops no work; a reader is told that the entry is unsigned."""
    if owner is None:
        return entry
    try:
        return replace(entry, signature=owner.sign(entry.signed_text))
    except SignatureError:
        return entry


def _sequences(store: Store) -> list[int]:
    matches = (_NAME.fullmatch(name) for name in store.objects.names(FOLDER))
    return [int(match[1]) for match in matches if match]


def _content(store: Store, sequence: int) -> bytes:
    return b"".join(store.objects.stream(entry_name(sequence)))
