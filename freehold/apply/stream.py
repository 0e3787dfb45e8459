"""One stream of pieces to a node: frames go out, and what landed comes back, line by line."""

from __future__ import annotations

import threading
from collections import deque

from freehold.agent.frames import HEAD, PIECE
from freehold.agent.order import Order
from freehold.apply.heard import Heard
from freehold.apply.pieces import Piece, ToSend
from freehold.apply.source import Source
from freehold.apply.throttle import Throttle
from freehold.errors import FreeholdError
from freehold.hosts.talk import CutOffError, Talk

TRIES_MAX = 3  # of a piece whose copy in the store is right and that arrives as another


class Stream:
    """Sends what `pieces` hands out through `talk` until nothing is left or it is cut off."""

    def __init__(
        self, talk: Talk, order: Order, source: Source, pieces: ToSend, throttle: Throttle
    ) -> None:
        self._talk, self._order, self._source = talk, order, source
        self._pieces, self._throttle = pieces, throttle
        self._sent: deque[Piece] = deque()  # in the order that they are answered in
        self._sending: list[Piece] = []
        self._changed = threading.Condition()
        self._is_ending = self._is_cut = False
        self._wrong: dict[Piece, int] = {}

    def run(self, heard: Heard) -> None:
        """Raises CutOffError where the talk ended before; what had not landed is handed back."""
        reader = threading.Thread(target=self._read, args=(heard,), daemon=True)
        reader.start()
        try:
            self._send()
        except CutOffError:
            self._is_cut = True
        except (FreeholdError, OSError) as error:
            self._pieces.fail(error)
            self._is_cut = True
        finally:
            with self._changed:
                self._is_ending = True
                self._changed.notify_all()
        if self._is_cut:
            self._talk.end()
        reader.join()
        if self._is_cut:
            self._pieces.lost([*self._sent, *self._sending])
            self._pieces.require()
            raise CutOffError

    def _send(self) -> None:
        while run := self._pieces.take(lambda: self._is_cut):
            file, first, count = run
            self._sending = [(file, piece) for piece in range(first, first + count)]
            with self._source.run(file, first) as reader:
                while self._sending:
                    if self._is_cut:
                        raise CutOffError
                    piece = self._sending[0][1]
                    size = self._order.piece_size(file, piece)
                    self._throttle.take(size)
                    self._talk.send(HEAD.pack(PIECE, file, piece, size))
                    if reader.send(self._talk, size) < size:
                        raise self._source.damaged(file, piece)
                    with self._changed:
                        self._sent.append(self._sending.pop(0))
                        self._changed.notify_all()

    def _read(self, heard: Heard) -> None:
        try:
            while self._has_to_come():
                mark, words = (line := self._talk.line())[:1], line[1:].split()
                piece = (int(words[0]), int(words[1]))
                if mark == "+":
                    heard.moved(self._order.piece_size(*piece))
                    self._pieces.arrived()
                else:
                    self._source.require_piece(*piece)
                    self._again(piece)
                with self._changed:
                    self._sent.remove(piece)
        except CutOffError:
            self._is_cut = True
        except (FreeholdError, OSError, ValueError) as error:
            self._pieces.fail(error)
            self._is_cut = True
        finally:
            self._pieces.wake()

    def _again(self, piece: Piece) -> None:
        self._wrong[piece] = self._wrong.get(piece, 0) + 1
        if self._wrong[piece] >= TRIES_MAX:
            raise self._source.damaged(*piece)
        self._pieces.lost([piece])

    def _has_to_come(self) -> bool:
        """Whether an answer is still to come; waits until that is known."""
        with self._changed:
            while not self._sent and not self._is_ending:
                self._changed.wait()
            return bool(self._sent) and not self._is_cut
