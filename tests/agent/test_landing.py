"""What lands past the page cache is read back at once, and whatever was not is at the end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from freehold.agent import landing as module
from freehold.agent.begin import begin
from freehold.agent.check import aligned
from freehold.agent.finish import finish
from freehold.agent.landing import DIRECT_BYTES, Landing
from freehold.agent.order import Order
from freehold.agent.staging import READ_BACK, Staging, staging_of
from tests.agent.arrived import PIECE_BYTES, flip, order_of

EVEN = os.urandom(PIECE_BYTES + DIRECT_BYTES)
ODD = os.urandom(1000)


@pytest.fixture
def order(tmp_path: Path) -> Order:
    try:
        os.close(os.open(tmp_path / "direct", os.O_WRONLY | os.O_CREAT | os.O_DIRECT))
    except OSError:
        pytest.skip("no file is written past the page cache in this folder")
    return order_of(tmp_path / "node/weights/set", {"even": EVEN, "odd": ODD})


def land(staging: Staging) -> None:
    """All that is missing, as a second process of a sync would."""
    landing, buffer = Landing.open(staging.order.folder, is_direct=True), aligned(PIECE_BYTES)
    for file, first, count in list(staging.missing()):
        content = (EVEN, ODD)[file]
        for piece in range(first, first + count):
            part = content[piece * PIECE_BYTES : (piece + 1) * PIECE_BYTES]
            buffer[: len(part)] = part
            assert landing.land(file, piece, buffer[: len(part)])
    landing.close()


def test_what_was_read_back_as_it_landed_is_not_read_again(order: Order) -> None:
    staging, read = begin(order, lambda _: None), []
    land(staging)
    assert finish(staging, read.append)
    assert sum(read) == len(ODD)  # its bytes are no whole blocks, so they went through the cache
    assert Path(order.folder, "even").read_bytes() == EVEN
    assert not Path(order.folder, READ_BACK).exists()


def test_what_an_earlier_sync_read_back_is_read_again(order: Order) -> None:
    land(begin(order, lambda _: None))  # and no end: the box lost power
    flip(staging_of(order.folder) / "even", PIECE_BYTES + 7)
    staging, read = begin(order, lambda _: None), []
    assert list(staging.missing()) == []
    assert not finish(staging, read.append)
    assert sum(read) == len(EVEN) + len(ODD)
    assert list(staging.missing()) == [(0, 1, 1)]
    land(staging)
    assert finish(staging, lambda _: None)
    assert Path(order.folder, "even").read_bytes() == EVEN


def test_a_disk_that_gives_back_other_bytes_is_asked_again_at_the_end(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_read = module.read_at

    def read_at(descriptor: int, buffer: memoryview, size_bytes: int, offset: int) -> bool:
        done = true_read(descriptor, buffer, size_bytes, offset)
        if offset < PIECE_BYTES:
            buffer[size_bytes - 1] ^= 1
        return done

    staging, read = begin(order, lambda _: None), []
    monkeypatch.setattr(module, "read_at", read_at)
    land(staging)
    assert finish(staging, read.append)
    assert sum(read) == PIECE_BYTES + len(ODD)
