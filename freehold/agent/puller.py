"""One process of a pull: fetches runs of pieces and lands them, whatever happens on the way."""

from __future__ import annotations

import mmap
import os
import random
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from freehold.agent.frames import say
from freehold.agent.http_range import (
    AgainError,
    ChangedError,
    NoWayError,
    RangeConnection,
    RefusedError,
    UnreachedError,
)
from freehold.agent.landing import Landing
from freehold.agent.merkle import hash_piece
from freehold.agent.runs import Run, Runs
from freehold.agent.shared import Board, Flag, Rate, Turns

WRONG_MAX = 3  # copies of a piece, each by another connection, that are not the piece
UNREACHED_MAX = 3  # attempts at a server that has answered nobody yet
TRIES_MIN = 3  # before a process gives up, however long they took
BACKOFF_S = (0.1, 15)  # the first and the longest; each is a random part of it
RENEWAL_S = 60  # how long another URL may be waited for
LOOK_S = 0.1


class FailedError(Exception):
    """A pull that does not come to its end; `report` is said to whoever started it."""

    def __init__(self, failed: str, **details: object) -> None:
        super().__init__(failed)
        self.report = {"failed": failed, **details}


@dataclass(frozen=True)
class Work:
    """What the processes have in common. `timeout_s`: a server may be silent so long;
    `patience_s`: how long a process goes on without one piece that landed."""

    runs: Runs
    turns: Turns
    board: Board
    rate: Rate
    is_answered: Flag
    tls: ssl.SSLContext
    timeout_s: float
    patience_s: float
    owner: int


class Puller:
    """Memory: one piece, and what Python takes."""

    def __init__(self, landing: Landing, work: Work) -> None:
        self._landing, self._order, self._work = landing, landing.order, work
        self._buffer = memoryview(mmap.mmap(-1, self._order.piece_bytes))
        self._connection: RangeConnection | None = None
        self._etags: dict[int, str] = {}

    def run(self) -> None:
        """Until no run is left. Raises FailedError, and OSError where a piece cannot be kept."""
        while (number := self._work.turns.take()) < len(self._work.runs):
            self._pull(self._work.runs[number])
        if self._connection is not None:
            self._connection.close()

    def _pull(self, run: Run) -> None:
        file, piece, count = run
        end, troubles = piece + count, _Troubles(file, self._work)
        while piece < end:
            url = self._work.board.url(file)
            try:
                connection = self._ask(url, file, piece, end)
                while piece < end and self._land(connection, file, piece, troubles):
                    piece += 1
            except UnreachedError as error:
                troubles.unreached(error)
            except AgainError as error:
                troubles.again(error)
            except RefusedError as error:
                troubles.refused(error)
                self._await_another(url, file, error)
            except ChangedError as error:
                raise FailedError("changed", file=file, why=str(error)) from None
            except NoWayError as error:
                raise FailedError("way", file=file, why=str(error)) from None

    def _ask(self, url: str, file: int, piece: int, end: int) -> RangeConnection:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if self._connection is None or self._connection.origin != origin:
            if self._connection is not None:
                self._connection.close()
            self._connection = RangeConnection(origin, self._work.tls, self._work.timeout_s)
        start = piece * self._order.piece_bytes
        file_bytes = self._order.files[file].size_bytes
        size = min(end * self._order.piece_bytes, file_bytes) - start
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        etag = self._etags.get(file, "")
        self._etags[file] = self._connection.ask(target, start, size, file_bytes, etag)
        self._work.is_answered.put_up()
        return self._connection

    def _land(
        self, connection: RangeConnection, file: int, piece: int, troubles: _Troubles
    ) -> bool:
        view = self._buffer[: self._order.piece_size(file, piece)]
        connection.fill(view, self._work.rate.take)
        if os.getppid() != self._work.owner:
            raise SystemExit(1)  # it was killed: what lands now might land after all was proven
        if self._landing.land(file, piece, view):
            say(f"+{file} {piece}")
            troubles.none()
            return True
        say(f"-{file} {piece}")
        connection.close()
        found = hash_piece(view, self._order.piece_bytes, self._order.files[file].size_bytes)
        troubles.wrong(piece, self._order.piece_hash(file, piece), found)
        return False

    def _await_another(self, url: str, file: int, error: RefusedError) -> None:
        ends_at, board = time.monotonic() + RENEWAL_S, self._work.board
        if board.url(file) == url:
            say(f'{{"renew": {file}}}')
        while board.url(file) == url:
            if time.monotonic() > ends_at or os.getppid() != self._work.owner:
                raise FailedError("way", file=file, why=str(error))
            time.sleep(LOOK_S)


class _Troubles:
    """What went wrong since the last piece of a run that landed, and when that is too much."""

    def __init__(self, file: int, work: Work) -> None:
        self._file, self._work = file, work
        self.none()

    def none(self) -> None:
        self._tries = self._refused = self._wrong = 0
        self._since = time.monotonic()

    def again(self, error: AgainError) -> None:
        """Wait a random while: those that were turned away together do not come back together."""
        self._tries += 1
        if self._tries >= TRIES_MIN and time.monotonic() - self._since > self._work.patience_s:
            raise FailedError("way", file=self._file, why=str(error))
        first_s, longest_s = BACKOFF_S
        wait_s = random.uniform(0, min(longest_s, first_s * 2 ** min(self._tries, 20)))  # noqa: S311
        time.sleep(error.after_s + wait_s)

    def unreached(self, error: UnreachedError) -> None:
        if not self._work.is_answered.is_up and self._tries + 1 >= UNREACHED_MAX:
            raise FailedError("way", file=self._file, why=str(error))
        self.again(error)

    def refused(self, error: RefusedError) -> None:
        """An URL expires; the next one that is refused too was not refused for that."""
        self._refused += 1
        if self._refused > 1:
            raise FailedError("way", file=self._file, why=str(error))

    def wrong(self, piece: int, expected: bytes, found: bytes) -> None:
        self._wrong += 1
        if self._wrong >= WRONG_MAX:
            hashes = {"expected": expected.hex(), "found": found.hex()}
            raise FailedError("damaged", file=self._file, piece=piece, **hashes)
