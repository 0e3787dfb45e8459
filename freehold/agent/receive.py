"""The node's end of a sync: the order, the pieces, and the name when all is right."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

from freehold.agent.begin import begin, is_here
from freehold.agent.finish import finish
from freehold.agent.frames import read_frames, read_order, say, stdin
from freehold.agent.landing import Landing
from freehold.agent.order import OrderError
from freehold.agent.staging import staging_of


def receive() -> None:
    """An order on stdin, then frames: the first process of a sync, which alone may end it."""
    order = read_order(stdin())
    if is_here(order):  # nothing is touched: a server may be starting from it
        shutil.rmtree(staging_of(order.folder), ignore_errors=True)
        say(json.dumps({"missing": []}))
        read_frames(stdin(), order.piece_bytes, _refuse, lambda: say(json.dumps({"done": True})))
        return
    staging = begin(order, _say_read)
    say(json.dumps({"missing": list(staging.missing())}))
    landing = Landing(staging, is_direct=True)

    def end() -> None:
        if finish(staging, _say_read):
            say(json.dumps({"done": True}))
        else:
            say(json.dumps({"missing": list(staging.missing())}))

    read_frames(stdin(), order.piece_bytes, _lander(landing), end)


def land(folder: str) -> None:
    """Frames on stdin for a sync that another process began."""
    landing = Landing.open(folder, is_direct=True)
    read_frames(stdin(), landing.order.piece_bytes, _lander(landing), lambda: None)


def _refuse(file: int, piece: int, _data: memoryview) -> None:
    raise OrderError(f"expected no piece, got {file} {piece}")


def _lander(landing: Landing) -> Callable[[int, int, memoryview], None]:
    def on_piece(file: int, piece: int, data: memoryview) -> None:
        try:
            mark = "+" if landing.land(file, piece, data) else "-"
        except IndexError:
            raise OrderError(f"expected a piece of the order, got {file} {piece}") from None
        say(f"{mark}{file} {piece}")

    return on_piece


def _say_read(size_bytes: int) -> None:
    say(json.dumps({"read": size_bytes}))
