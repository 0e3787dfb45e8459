"""Wiping a set from a real ext4 disk: what is claimed is what the disk itself then shows."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from freehold.agent import wipe as wiping
from freehold.agent.begin import begin
from freehold.agent.guard import reasons_against
from freehold.agent.holders import holders
from freehold.agent.landing import Landing
from freehold.agent.medium import medium_of
from freehold.agent.program import PROGRAM
from freehold.agent.wipe import wipe, wipe_set
from tests.agent.arrived import PIECE_BYTES, arrive, order_of

SAME = os.urandom(5000)
FILES = {
    "m-1.gguf": os.urandom(2 * PIECE_BYTES + 5),
    "sub/m-2.gguf": os.urandom(70_000),
    "a.json": SAME,
    "b.json": SAME,
    "empty": b"",
}
MARKS = [FILES["m-1.gguf"][place : place + 64] for place in (0, PIECE_BYTES, 2 * PIECE_BYTES - 64)]
MARKS += [FILES["sub/m-2.gguf"][:64], SAME[:64]]


def quiet(_size_bytes: int) -> None:
    pass


@pytest.fixture
def folder(ext4: Path) -> Path:
    folder = ext4 / "weights/m-1"
    arrive(folder, FILES)
    os.sync()
    assert len(on_disk(ext4)) == len(MARKS)
    return folder


def on_disk(ext4: Path) -> list[bytes]:
    """Those of MARKS that the disk holds anywhere: in blocks of files, free ones, the journal."""
    os.sync()
    content = ext4.with_name("image").read_bytes()
    return [mark for mark in MARKS if mark in content]


def test_what_was_discarded_is_nowhere_on_the_disk(folder: Path, ext4: Path) -> None:
    record = wipe_set(folder, "auto", quiet)
    # Each content once; and the order, the mark of the last reading, the program.
    assert (record["wiped"], record["files"]) == ("discarded", 4 + 3)
    assert (record["places_checked"] > 60, record["places_readable"]) == (True, 0)
    assert record["trimmed_bytes"] >= sum(map(len, FILES.values())) - len(SAME)
    assert "none still shows what it held" in record["claims"]
    assert list((ext4 / "weights").iterdir()) == []
    assert on_disk(ext4) == []


def test_what_was_overwritten_is_nowhere_on_the_disk(folder: Path, ext4: Path) -> None:
    heard: list[int] = []
    # No discard helps it along: what is free afterwards has our zeros.
    trimmed = pytest.MonkeyPatch()
    trimmed.setattr(wiping, "trim", lambda _mount: None)
    with trimmed.context():
        record = wipe_set(folder, "overwrite", heard.append)
    trimmed.undo()
    assert record["wiped"] == "overwritten"
    assert sum(heard) >= record["bytes"]
    assert "overwritten with zeros in place" in record["claims"]
    assert not folder.exists()
    assert on_disk(ext4) == []


def test_what_was_only_removed_is_still_there_and_nothing_else_is_claimed(
    folder: Path, ext4: Path
) -> None:
    record = wipe_set(folder, "remove", quiet)
    assert record["wiped"] == "removed"
    assert "their blocks were not wiped" in record["claims"]
    assert not folder.exists()
    assert len(on_disk(ext4)) == len(MARKS)


def test_a_device_that_only_says_that_it_discards_is_overwritten(
    folder: Path, ext4: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiping, "trim", lambda _mount: 1 << 30)
    assert wipe_set(folder, "auto", quiet)["wiped"] == "overwritten"
    assert on_disk(ext4) == []


def test_a_device_that_cannot_discard_is_overwritten(
    folder: Path, ext4: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiping, "trim", lambda _mount: None)
    assert wipe_set(folder, "auto", quiet)["wiped"] == "overwritten"
    assert on_disk(ext4) == []


def test_a_discard_that_did_nothing_in_the_end_is_not_claimed(
    folder: Path, ext4: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiping, "_discards", lambda _folder, _medium: True)
    monkeypatch.setattr(wiping, "trim", lambda _mount: 1 << 30)
    record = wipe_set(folder, "auto", quiet)
    assert record["wiped"] == "removed"
    assert record["places_readable"] == record["places_checked"] > 0
    assert "the device kept what it was to discard" in record["claims"]
    assert on_disk(ext4)


@pytest.mark.parametrize("how", ["auto", "overwrite"])
def test_what_an_interrupted_sync_left_is_wiped_too(ext4: Path, how: str) -> None:
    folder = ext4 / "weights/m-1"
    begin(order_of(folder, FILES), quiet).close()
    landing = Landing.open(str(folder))
    assert landing.land(0, 0, memoryview(FILES["m-1.gguf"][:PIECE_BYTES]))
    landing.close()
    assert on_disk(ext4) == MARKS[:1]
    assert wipe_set(folder, how, quiet)["wiped"] != "removed"
    assert on_disk(ext4) == []
    assert list((ext4 / "weights").iterdir()) == []


@pytest.mark.parametrize("how", ["auto", "overwrite", "remove"])
def test_what_another_set_holds_too_stays_whole_there(ext4: Path, how: str) -> None:
    first, second = ext4 / "weights/m-1", ext4 / "weights/m-2"
    arrive(first, FILES)
    _order, moved = arrive(second, {"same.gguf": FILES["m-1.gguf"], "other": b"x" * 9000})
    assert moved == 1  # the rest is a link
    record = wipe_set(first, how, quiet)
    assert record["shared_files"] == 1
    assert "1 files are another set's too, and stay with that" in record["claims"]
    assert (second / "same.gguf").read_bytes() == FILES["m-1.gguf"]
    assert wipe_set(second, how, quiet)["shared_files"] == 0


class Killed(BaseException):
    """SIGKILL, as near as a test can come."""


def test_a_wipe_that_was_killed_leaves_nothing_to_serve_and_is_gone_on_with(
    folder: Path, ext4: Path
) -> None:
    def die(_size_bytes: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        wipe_set(folder, "overwrite", die)
    assert list(reasons_against(folder, 35, 0.0))
    assert wipe_set(folder, "overwrite", quiet)["wiped"] == "overwritten"
    assert on_disk(ext4) == []


def test_a_set_that_was_half_wiped_can_be_brought_again(folder: Path) -> None:
    def die(_size_bytes: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        wipe_set(folder, "overwrite", die)
    arrive(folder, FILES)
    assert (folder / "m-1.gguf").read_bytes() == FILES["m-1.gguf"]


@pytest.mark.parametrize("how", ["open", "mapped"])
def test_a_process_that_holds_a_file_is_named_and_the_set_stays(folder: Path, how: str) -> None:
    script = {
        "open": "f = open(path, 'rb')",
        "mapped": "import mmap\nwith open(path, 'rb') as f: m = mmap.mmap(f.fileno(), 0, prot=1)",
    }[how]
    script = f"import sys\npath = sys.argv[1]\n{script}\nprint(flush=True)\nsys.stdin.read()"
    argv = [sys.executable, "-c", script, str(folder / "m-1.gguf")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        for method in ("auto", "overwrite"):
            with pytest.raises(OSError, match=rf"nobody to have it open, .*\(pid {server.pid}\)"):
                wipe_set(folder, method, quiet)
        assert not list(reasons_against(folder, 35, 0.0))
        server.communicate()
    assert holders(folder.rglob("*.gguf")) == []


def test_a_process_that_holds_what_another_set_has_too_is_in_nobodys_way(ext4: Path) -> None:
    """As a server does whose weights were renamed: the old set goes when the new one serves."""
    old, new = ext4 / "weights/m-1", ext4 / "weights/m-2"
    arrive(old, {"m.gguf": FILES["m-1.gguf"], "other": b"x" * 9000})
    arrive(new, {"m.gguf": FILES["m-1.gguf"]})
    argv = ["tail", "-f", str(new / "m.gguf")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.read(1)
        assert wipe_set(old, "overwrite", quiet)["shared_files"] == 1
        server.kill()
    assert (new / "m.gguf").read_bytes() == FILES["m-1.gguf"]


def test_what_this_process_maps_is_its_own_affair(folder: Path) -> None:
    with (folder / "m-1.gguf").open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
        assert holders(folder.rglob("*.gguf")) == []


def test_links_out_of_a_set_lead_nowhere(folder: Path, ext4: Path) -> None:
    theirs = ext4 / "theirs"
    theirs.mkdir()
    (theirs / "file").write_bytes(b"theirs")
    (folder / "link").symlink_to(theirs / "file")
    (folder / "links").symlink_to(theirs)
    folder.with_name("m-1.partial").symlink_to(theirs)
    wipe_set(folder, "overwrite", quiet)
    assert (theirs / "file").read_bytes() == b"theirs"
    assert list((ext4 / "weights").iterdir()) == []


def test_the_program_wipes_every_set_that_matches_and_says_so_in_json(
    folder: Path, ext4: Path
) -> None:
    arrive(ext4 / "weights/m-2", {"x": b"x" * 4096})
    (ext4 / "weights/m-3.partial").mkdir()
    program = ext4.with_name("agent")
    program.write_bytes((folder / PROGRAM).read_bytes())
    argv = [sys.executable, "-I", str(program), "wipe", "auto", f"{ext4}/weights/*"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    records = [line["wiped"] for line in lines if "wiped" in line]
    names = [record["folder"] for record in records]
    assert names == [f"{ext4}/weights/m-{number}" for number in (1, 2, 3)]
    medium = records[0]["medium"]
    assert (medium["filesystem"], medium["mount"]) == ("ext4", str(ext4))
    assert medium["device"].startswith("/dev/loop")
    assert medium["discard_max_bytes"] > 0
    assert on_disk(ext4) == []


def test_nothing_there_is_nothing_wiped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wipe("auto", str(tmp_path / "weights/m"), str(tmp_path / "no/*"))
    assert capsys.readouterr().out == ""


def test_a_way_that_is_none_is_refused(folder: Path) -> None:
    with pytest.raises(OSError, match="expected one of auto, overwrite, remove, got shred"):
        wipe_set(folder, "shred", quiet)
    assert not list(reasons_against(folder, 35, 0.0))


MOUNTS = """\
22 1 0:21 / / rw,relatime shared:1 - overlay lab rw,lowerdir=/a,upperdir=/b
23 22 0:22 / /proc rw - proc proc rw
24 22 0:23 / {}/with\\040space rw - tmpfs tmpfs rw,size=1g
25 22 8:1 / {}/j rw - ext4 /dev/sda1 rw,data=journal
26 22 8:2 / {}/o rw - ext4 /dev/sda2 rw
27 26 0:40 / {}/o/b rw,relatime - btrfs /dev/sdb1 rw,subvol=/x
28 22 0:41 / {}/j2 rw - nfs4 nas:/w rw
"""


@pytest.mark.parametrize(
    ("path", "filesystem", "in_place"),
    [
        ("elsewhere", "overlay", False),
        ("with space", "tmpfs", False),
        ("j", "ext4", False),
        ("o/weights", "ext4", True),
        ("o/b/weights", "btrfs", False),
        ("j2/weights", "nfs4", False),
    ],
)
def test_only_what_is_written_in_place_is_overwritten(
    tmp_path: Path, path: str, filesystem: str, in_place: bool
) -> None:
    medium = medium_of(tmp_path / path, MOUNTS.replace("{}", str(tmp_path)))
    assert (medium.filesystem, medium.is_in_place) == (filesystem, in_place)


def test_on_another_filesystem_removed_is_all_that_is_claimed(tmp_path: Path) -> None:
    folder = Path("/dev/shm") / f"fh-test-{os.getpid()}" / "m-1"
    arrive(folder, FILES)
    record = wipe_set(folder, "auto", quiet)
    folder.parent.rmdir()
    assert record["wiped"] == "removed"
    assert "tmpfs does not write over what was there" in record["claims"]
