"""The objects that a lease ledger is made of: their names, and reading each of them once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from freehold.errors import Problem
from freehold.rent.book_error import LeaseBookError
from freehold.rent.lease import TOKEN
from freehold.rent.note import Note
from freehold.weights.objects import Objects, TakenError

FOLDER = "leases/"
TURNS = f"{FOLDER}turns/"
IDENTITY = f"{FOLDER}ledger"
READERS = 8
_STACK = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_NOTE = re.compile(rf"{FOLDER}({TOKEN.pattern})/(\d{{6}})\.json", re.ASCII)
_TURN = re.compile(rf"{TURNS}({_STACK.pattern})/(\d{{6}})", re.ASCII)
_HINT = "look at it by hand: while it is so, what is rented is not known; fab lease.audit asks AWS"


def note_name(token: str, sequence: int) -> str:
    """The object that is a note."""
    return f"{FOLDER}{token}/{sequence:06d}.json"


def turn_name(stack: str, number: int) -> str:
    """The object that is a stack's turn: the token of the lease whose turn it is, in a line."""
    return f"{TURNS}{stack}/{number:06d}"


class Pages:
    """`objects` below leases/. An object never changes, so each is read once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._read: dict[str, bytes] = {}

    @property
    def place(self) -> str:
        """The store's."""
        return self._objects.place

    def identity(self) -> str | None:
        """The ledger's own word; None where nothing was ever written here."""
        if self._objects.size_bytes(IDENTITY) is None:
            return None
        return self._token(IDENTITY)

    def identify(self, token: str) -> str:
        """Give the ledger that word, unless another was quicker; the one that it has."""
        try:
            self._objects.put(IDENTITY, f"{token}\n".encode(), is_new=True)
        except TakenError:
            return self._token(IDENTITY)
        return token

    def put(self, note: Note) -> None:
        """Write a note. Raises TakenError where another has its number."""
        self._put(note_name(note.token, note.sequence), note.content)

    def put_turn(self, stack: str, number: int, token: str) -> None:
        """Write whose turn it is. Raises TakenError where it is another's."""
        self._put(turn_name(_stack(stack), number), f"{token}\n".encode())

    def turns(self, stack: str) -> list[str]:
        """The tokens of a stack's leases, in their order."""
        prefix = f"{TURNS}{_stack(stack)}/"
        names = self._listed(prefix, lambda number: turn_name(stack, number))
        self._fill(names)
        return [self._token(name) for name in names]

    def stacks(self) -> list[str]:
        """Those that ever had a lease."""
        names = self._objects.names(TURNS)
        self._require_known(names)
        return sorted({match[1] for name in names if (match := _TURN.fullmatch(name))})

    def notes(self, token: str) -> list[Note]:
        """A lease's, in their order. Raises LeaseBookError where there is none."""
        if not TOKEN.fullmatch(token):
            raise LeaseBookError.of(self.place, f'expected a token of 16 digits, got "{token}"')
        names = self._listed(f"{FOLDER}{token}/", lambda number: note_name(token, number))
        if not names:
            raise LeaseBookError.of(
                f"{self.place}/{FOLDER}{token}",
                "expected a lease, found nothing",
                "fab lease.list shows those that there are",
            )
        return self._notes(names)

    def all_notes(self) -> dict[str, list[Note]]:
        """Those of every lease, by its token."""
        names = self._objects.names(FOLDER)
        self._require_known(names)
        tokens = sorted({match[1] for name in names if (match := _NOTE.fullmatch(name))})
        self._fill(name for name in names if _NOTE.fullmatch(name))
        return {token: self.notes(token) for token in tokens}

    def _put(self, name: str, content: bytes) -> None:
        try:
            self._objects.put(name, content, is_new=True)
        except TakenError:
            # Where the answer to a first try was lost, the second finds what that one put.
            if self._content(name) != content:
                raise
        self._read[name] = content

    def _listed(self, prefix: str, name_of: Callable[[int], str]) -> list[str]:
        """The objects 1, 2, ... below `prefix`. What lies between them, or is lacking, is looked
        for twice: a listing may miss what is put while it is made."""
        for _ in range(2):
            names = self._objects.names(prefix)
            due = [name_of(number) for number in range(1, len(names) + 1)]
            if names == due:
                return names
        self._require_known(names)
        lost = sorted(set(due) - set(names))
        raise LeaseBookError(self._problem(name, "a note is missing here") for name in lost)

    def _require_known(self, names: Sequence[str]) -> None:
        unknown = [
            name
            for name in names
            if name != IDENTITY and not _NOTE.fullmatch(name) and not _TURN.fullmatch(name)
        ]
        if unknown:
            raise LeaseBookError(
                self._problem(name, "expected nothing but notes of leases here") for name in unknown
            )

    def _notes(self, names: list[str]) -> list[Note]:
        self._fill(names)
        problems, notes = [], []
        for name in names:
            try:
                note = Note.of_content(self._content(name))
                if note_name(note.token, note.sequence) != name:
                    raise ValueError(f"expected this note, got {note.sequence} of {note.token}")
                notes.append(note)
            except ValueError as error:
                problems.append(self._problem(name, str(error)))
        if problems:
            raise LeaseBookError(problems)
        return notes

    def _token(self, name: str) -> str:
        content = self._content(name)
        token = content.decode("ascii", "replace").removesuffix("\n")
        if not TOKEN.fullmatch(token) or content != f"{token}\n".encode():
            raise LeaseBookError([self._problem(name, f"expected a token, got {content[:40]!r}")])
        return token

    def _fill(self, names: Iterable[str]) -> None:
        """Read what was not read yet, several at once: each may be a round trip."""
        unread = [name for name in names if name not in self._read]
        if len(unread) > 1:
            with ThreadPoolExecutor(min(READERS, len(unread))) as pool:
                self._read.update(zip(unread, pool.map(self._content, unread), strict=True))

    def _content(self, name: str) -> bytes:
        if name not in self._read:
            self._read[name] = b"".join(self._objects.stream(name))
        return self._read[name]

    def _problem(self, name: str, message: str) -> Problem:
        return Problem(f"{self.place}/{name}", message, _HINT)


def _stack(stack: str) -> str:
    if not _STACK.fullmatch(stack):
        raise LeaseBookError.of(stack, 'expected a stack as "project/stack"')
    return stack
