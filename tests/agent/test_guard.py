"""A set is served only if it is what its arrival proof says, and was read whole not long ago."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.agent.guard import DAY_S, reasons_against
from freehold.agent.marks import (
    DAMAGE,
    VERIFIED,
    Verification,
    read_verified,
    write_damage,
    write_verified,
)
from freehold.agent.merkle import HASH_BYTES, layer_root, piece_count
from freehold.agent.order import Order, OrderedFile
from freehold.agent.program import PROGRAM, program_bytes
from freehold.agent.proof import PROOF, proof_line, write_proof
from freehold.agent.staging import ORDER
from tests.agent.arrived import PIECE_BYTES, arrive

FILES = {"m-1.gguf": os.urandom(PIECE_BYTES + 5), "sub/m-2.gguf": os.urandom(1000)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "weights/m-1"
    arrive(folder, FILES)
    return folder


def reasons(folder: Path, age_days: float = 0) -> list[str]:
    return list(reasons_against(folder, 35, time.time() + age_days * DAY_S))


def test_a_set_that_just_arrived_may_be_served(folder: Path) -> None:
    assert reasons(folder) == []


def rewrite(folder: Path) -> None:
    path = folder / "m-1.gguf"
    path.chmod(0o644)
    path.write_bytes(b"?" * len(FILES["m-1.gguf"]))


def replace(folder: Path) -> None:
    (folder / "copy").write_bytes(FILES["m-1.gguf"])
    (folder / "copy").replace(folder / "m-1.gguf")


def link(folder: Path) -> None:
    (folder / "m-1.gguf").rename(folder / "elsewhere")
    (folder / "m-1.gguf").symlink_to("elsewhere")


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file that is gone": (lambda f: (f / "m-1.gguf").unlink(), "m-1.gguf is not what"),
    "a file that was written": (rewrite, "m-1.gguf is not what its arrival proof says"),
    "a file that was replaced": (replace, "m-1.gguf is not what its arrival proof says"),
    "a link in its place": (link, "m-1.gguf is not what its arrival proof says"),
    "a touched file": (lambda f: os.utime(f / "sub/m-2.gguf"), "sub/m-2.gguf is not what"),
    "a shorter one": (lambda f: os.truncate(f / "sub/m-2.gguf", 999), "sub/m-2.gguf is not what"),
    "no proof": (lambda f: (f / PROOF).unlink(), "m-1.gguf is not what its arrival proof says"),
    "a proof that is noise": (lambda f: (f / PROOF).write_bytes(b"\xff\0 \n\n x"), "is not what"),
    "no order": (lambda f: (f / ORDER).unlink(), "expected a set that arrived whole"),
    "an order of another": (lambda f: (f / ORDER).write_bytes(b"{}\n"), "expected an order"),
    "never read whole": (lambda f: (f / VERIFIED).unlink(), "it was never read whole"),
    "a mark that is noise": (lambda f: (f / VERIFIED).write_text("[1]"), "it was never read"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_set_that_is_not_as_it_arrived_may_not(folder: Path, name: str) -> None:
    change, reason = CHANGES[name]
    change(folder)
    assert reason in "\n".join(reasons(folder))


def test_a_set_that_was_read_too_long_ago_may_not(folder: Path) -> None:
    assert reasons(folder, age_days=34.9) == []
    (told,) = reasons(folder, age_days=35.1)
    assert "expected it to be read whole within 35 days, that was last on " in told
    assert "fab weights.verify" in told


def test_a_clock_that_went_back_stops_no_server(folder: Path) -> None:
    assert reasons(folder, age_days=-20_000) == []


def test_the_age_counts_from_the_first_byte_that_was_read(folder: Path) -> None:
    now_s = time.time()
    write_verified(folder, Verification(now_s - 36 * DAY_S, now_s, 1))
    assert len(reasons(folder)) == 1
    assert read_verified(folder) == Verification(now_s - 36 * DAY_S, now_s, 1)


def test_a_set_with_pieces_that_are_known_to_be_bad_may_not(folder: Path) -> None:
    order, _moved = arrive(folder, FILES)
    write_damage(folder, order, [(0, 1)])
    assert (folder / DAMAGE).read_text() == "0 1 m-1.gguf\n"
    damaged, unproven = reasons(folder)
    assert "1 pieces are not what they were; fab weights.sync" in damaged
    assert unproven.startswith("m-1.gguf is not what its arrival proof says")


def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-I", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=env or {})


def test_the_set_carries_its_own_checker_which_names_every_reason(folder: Path) -> None:
    program = str(folder / PROGRAM)
    done = run(program, "check", "35", str(folder))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    rewrite(folder)
    (folder / "sub/m-2.gguf").unlink()
    done = run(program, "check", "35", str(folder), str(folder))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 4
    assert f"{folder}: m-1.gguf is not what its arrival proof says" in done.stderr
    in_journal = run(program, "check", "35", str(folder), env={"JOURNAL_STREAM": "1:2"})
    assert all(line.startswith("<3>") for line in in_journal.stderr.splitlines())


def test_240_gb_in_33_files_are_checked_in_less_than_a_second(tmp_path: Path) -> None:
    folder, size = tmp_path / "weights/large", 240 * 10**9 // 33
    layer = os.urandom(HASH_BYTES * piece_count(size, PIECE_BYTES))
    root = layer_root(layer, PIECE_BYTES, size).hex()
    files = tuple(OrderedFile(f"m-{n}", size, f"{n:064x}", root, False) for n in range(33))
    folder.mkdir(parents=True)
    for file in files:
        (folder / file.path).touch()
        os.truncate(folder / file.path, size)  # a hole: none of it is read
    order = Order(str(folder), "d" * 64, PIECE_BYTES, files, layer * 33)
    (folder / ORDER).write_bytes(order.to_bytes())
    (folder / PROGRAM).write_bytes(program_bytes())
    write_proof(folder, [proof_line(folder, file.path, file.sha256) for file in files])
    write_verified(folder, Verification(time.time(), time.time(), order.size_bytes))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run(str(folder / PROGRAM), "check", "35", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Of the processor, which is all that it waits for: this machine may have more to do.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1
