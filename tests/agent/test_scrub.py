"""Bits that flip on a node's disk are found, kept, told, and mended piece by piece."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from freehold.agent import scrub as scrubbing
from freehold.agent.guard import reasons_against
from freehold.agent.marks import CURSOR, DAMAGE, read_damage, read_verified
from freehold.agent.order import OrderError
from freehold.agent.proof import proven
from freehold.agent.scrub import scrub, verify, verify_set
from freehold.agent.staging import ORDER
from tests.agent.arrived import PIECE_BYTES, arrive, flip

SAME = os.urandom(1000)
FILES = {
    "m-1.gguf": os.urandom(2 * PIECE_BYTES + 5),
    "m-2.gguf": os.urandom(PIECE_BYTES),
    "a.json": SAME,
    "sub/b.json": SAME,
    "empty": b"",
}
PIECES = 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "weights/m-1"
    arrive(folder, FILES)
    return folder


def served(folder: Path) -> bool:
    return not list(reasons_against(folder, 35, time.time()))


def quiet(_size_bytes: int) -> None:
    pass


def test_a_whole_set_is_read_whole_and_its_mark_is_new(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_verified(folder)
    verify(str(folder))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1] == {"bad": []}
    assert sum(line["read"] for line in lines[:-1]) == 3 * PIECE_BYTES + 5 + 1000
    after = read_verified(folder)
    assert before is not None
    assert after is not None
    assert after.began_s >= before.ended_s
    assert served(folder)


def test_a_bit_that_flipped_is_named_and_the_set_is_served_no_more(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(folder / "m-1.gguf", PIECE_BYTES + 77)
    assert served(folder)  # nothing that `stat` says has changed
    before = read_verified(folder)
    verify(str(folder))
    last = capsys.readouterr().out.splitlines()[-1]
    assert json.loads(last) == {"bad": [["m-1.gguf", PIECE_BYTES, PIECE_BYTES]]}
    assert (folder / DAMAGE).read_text() == "0 1 m-1.gguf\n"
    assert set(proven(folder)) == set(FILES) - {"m-1.gguf"}
    assert read_verified(folder) == before
    assert not served(folder)


def test_one_bad_piece_is_mended_by_moving_exactly_one(folder: Path) -> None:
    flip(folder / "m-2.gguf", 5)
    verify_set(folder, quiet)
    _order, moved = arrive(folder, FILES)
    assert moved == 1
    assert (folder / "m-2.gguf").read_bytes() == FILES["m-2.gguf"]
    assert not (folder / DAMAGE).exists()
    assert served(folder)
    assert verify_set(folder, quiet)[1] == []


def test_what_was_found_bad_comes_again_also_where_it_reads_well_now(folder: Path) -> None:
    """As the page cache would show it, while the disk has it wrong."""
    flip(folder / "m-1.gguf", 0)
    verify_set(folder, quiet)
    flip(folder / "m-1.gguf", 0)
    _order, moved = arrive(folder, FILES)
    assert moved == 1


def test_a_bad_file_of_two_names_is_bad_under_both(folder: Path) -> None:
    flip(folder / "sub/b.json", 9)
    _order, bad = verify_set(folder, quiet)
    assert bad == [(2, 0)]
    assert {"a.json", "sub/b.json"} & set(proven(folder)) == set()
    assert arrive(folder, FILES)[1] == 1
    assert (folder / "sub/b.json").read_bytes() == SAME


LOSSES = {
    "gone": lambda path: path.unlink(),
    "shorter": lambda path: os.truncate(path, PIECE_BYTES + 1),
    "empty": lambda path: os.truncate(path, 0),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a link": lambda path: (path.rename(f"{path}.x"), path.symlink_to(f"{path}.x")),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_file_that_cannot_be_read_is_bad_and_comes_again(folder: Path, loss: str) -> None:
    path = folder / "m-1.gguf"
    LOSSES[loss](path)
    _order, bad = verify_set(folder, quiet)
    assert (0, 2) in bad
    assert {file for file, _piece in bad} == {0}
    arrive(folder, FILES)
    assert path.read_bytes() == FILES["m-1.gguf"]
    assert served(folder)


class Interrupted(BaseException):
    """The node was switched off."""


def test_an_interrupted_verification_goes_on_where_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrubbing, "BATCH_BYTES", 1)
    monkeypatch.setattr(scrubbing, "JOB_BYTES", 1)
    flip(folder / "m-1.gguf", 0)
    before, read = read_verified(folder), 0

    def stop(_size_bytes: int) -> None:
        nonlocal read
        read += 1
        if read == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        verify_set(folder, stop, workers=1, resumes=True)
    began_s = json.loads((folder / CURSOR).read_text())[0]
    assert read_damage(folder) == [(0, 0)]
    flip(folder / "m-2.gguf", 0)
    rest: list[int] = []
    _order, bad = verify_set(folder, rest.append, workers=1, resumes=True)
    assert len(rest) == PIECES - 2
    assert bad == [(0, 0), (1, 0)]
    assert read_verified(folder) == before
    arrive(folder, FILES)
    # A pass over two runs is as old as its first byte.
    read = 0
    with pytest.raises(Interrupted):
        verify_set(folder, stop, workers=1, resumes=True)
    began_s = json.loads((folder / CURSOR).read_text())[0]
    verify_set(folder, quiet, workers=1, resumes=True)
    verified = read_verified(folder)
    assert verified is not None
    assert verified.began_s == began_s
    assert not (folder / CURSOR).exists()


def test_a_set_that_is_replaced_meanwhile_is_not_called_damaged(folder: Path) -> None:
    def replace(_size_bytes: int) -> None:
        if folder.with_name("old").exists():
            return
        folder.rename(folder.with_name("old"))
        arrive(folder, {"other": b"x"})

    with pytest.raises(OrderError, match="another set came in its place"):
        verify_set(folder, replace, workers=1)
    assert not (folder / DAMAGE).exists()
    assert served(folder)


def test_the_timer_reads_every_set_and_tells_the_journal(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arrive(tmp_path / "engines/e-1", {"llama-server": b"engine"})
    (tmp_path / "weights/half.partial").mkdir()
    (tmp_path / "weights/half.partial" / ORDER).write_bytes(b"noise")
    assert scrub(str(tmp_path)) == 0
    said = capfd.readouterr()
    assert said.err == ""
    assert [line.partition(": ")[2] for line in said.out.splitlines()] == [
        "no bad pieces in 6 bytes",
        f"no bad pieces in {3 * PIECE_BYTES + 5 + 2000} bytes",
    ]
    flip(folder / "m-1.gguf", PIECE_BYTES)
    (tmp_path / "engines/e-1" / ORDER).write_bytes(b"noise")
    assert scrub(str(tmp_path)) == 1
    broken, told = capfd.readouterr().err.splitlines()
    assert broken.startswith(f"{tmp_path}/engines/e-1: expected an order")
    assert told == (
        f"{folder}/m-1.gguf: bytes {PIECE_BYTES} to {2 * PIECE_BYTES} are not what they were; "
        "fab weights.sync fetches them again"
    )


def test_a_flip_on_the_disk_is_seen_past_the_page_cache(ext4: Path) -> None:
    """The cache has the right bytes, as of weights that a server has mapped; the disk does not."""
    folder = ext4 / "weights/m-1"
    arrive(folder, FILES)
    content = (folder / "m-1.gguf").read_bytes()
    image = ext4.with_name("image")
    os.sync()
    start = find(image, content[:512])
    with image.open("r+b") as disk:
        disk.seek(start)
        disk.write(b"?" * 512)
        os.fsync(disk.fileno())
    assert (folder / "m-1.gguf").read_bytes() == content
    assert verify_set(folder, quiet)[1] == [(0, 0)]
    assert arrive(folder, FILES)[1] == 1
    os.sync()
    assert find(image, content[:512]) == start


def find(image: Path, content: bytes) -> int:
    """Where a block of the disk has `content`."""
    with image.open("rb") as disk:
        while block := disk.read(1 << 20):
            place = block.find(content)
            if place >= 0:
                return disk.tell() - len(block) + place
    raise AssertionError("not on the disk")
