"""Files for a task: found, named when they are not, and the same when they arrive."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from freehold.errors import FreeholdError, Problem
from freehold.hosts.host import Host
from freehold.rent.inputs import EXPECTED, Input, inputs_of, tar_chunks
from freehold.rent.task import TASK_FOLDER, look
from freehold.weights.objects import CHUNK_BYTES
from tests.rent.tasks import begin, followed, out, ran

NAMES = ("a b", "-rf", "new\nline", "tab\t", "back\\slash", "ünï 🦙", "$HOME `id`", "*", "x" * 255)


def problems_of(*paths: Path) -> dict[str, str]:
    """What is said, by place."""
    with pytest.raises(FreeholdError) as refused:
        inputs_of(paths)
    places = [problem.place for problem in refused.value.problems]
    assert len(set(places)) == len(places)
    return {problem.place: problem.message for problem in refused.value.problems}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """data: a program in a subfolder, an empty file, and odd names."""
    made = tmp_path / "data"
    (made / "bin").mkdir(parents=True)
    (made / "bin/program").write_text("#!/bin/sh\necho ran\n")
    (made / "bin/program").chmod(0o700)
    (made / "empty").touch()
    for name in NAMES:
        (made / name).write_text(name)
    return made


def test_a_file_is_known_by_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text("one\n")
    sha256 = hashlib.sha256(b"one\n").hexdigest()
    assert inputs_of([path]) == (Input("one.txt", path, 4, sha256, executable=False),)
    path.chmod(0o755)
    assert inputs_of([path])[0].executable


def test_of_a_folder_every_file_is_taken_by_its_path_in_it(folder: Path) -> None:
    found = inputs_of([folder])
    names = ["bin/program", "empty", *NAMES]
    assert [each.name for each in found] == sorted(f"data/{name}" for name in names)
    assert [each.name for each in found if each.executable] == ["data/bin/program"]


def test_nothing_is_asked_for_and_nothing_comes() -> None:
    assert inputs_of([]) == ()


@pytest.mark.parametrize("path", [".", "..", "sub/..", "./", "../data/."])
def test_a_folder_is_known_by_its_name_however_it_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub/file").touch()
    monkeypatch.chdir(folder / "sub" if path == ".." else folder)
    assert all(each.name.startswith("data/") for each in inputs_of([Path(path)]))


def test_a_link_is_known_by_its_own_name_and_has_what_it_leads_to(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "latest").symlink_to(folder)
    (tmp_path / "start").symlink_to(folder / "bin/program")
    names = {each.name: each for each in inputs_of([tmp_path / "latest", tmp_path / "start"])}
    assert names["start"].executable
    assert names["start"].sha256 == names["latest/bin/program"].sha256


def test_a_path_in_the_home_folder_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert inputs_of([Path("~/data/empty")])[0].name == "empty"


def test_every_name_that_is_taken_is_named_at_once(folder: Path, tmp_path: Path) -> None:
    for path in ("b/data", "b/empty", "c/results/x"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    clashing = [tmp_path / path for path in ("b/data", "b/empty", "c/results")]
    said = problems_of(folder, folder / "empty", *clashing)
    wanted = "expected a name of its own in the task's folder, got"
    assert said == {str(path): f'{wanted} "{path.name}"' for path in clashing}


def test_the_root_folder_has_no_name() -> None:
    assert problems_of(Path("/")) == {
        "/": 'expected a name of its own in the task\'s folder, got ""'
    }


def test_every_path_that_is_no_file_is_named_at_once(folder: Path, tmp_path: Path) -> None:
    (folder / "nowhere").symlink_to(tmp_path / "gone")
    (folder / "another").symlink_to(folder / "bin")
    os.mkfifo(folder / "bin/pipe")
    (folder / "memory").symlink_to("/proc/self/mem")
    (tmp_path / "hollow/inner").mkdir(parents=True)
    (tmp_path / "round").symlink_to(tmp_path / "round")
    paths = ["gone", "hollow", "round", "data/empty/x"]
    said = problems_of(folder, *(tmp_path / path for path in paths), Path("/dev/null"))
    assert said == {
        str(folder / "nowhere"): "No such file or directory",
        str(folder / "another"): EXPECTED,
        str(folder / "bin/pipe"): EXPECTED,
        str(folder / "memory"): "Input/output error",
        str(tmp_path / "gone"): "No such file or directory",
        str(tmp_path / "hollow"): EXPECTED,
        str(tmp_path / "round"): "Too many levels of symbolic links",
        str(tmp_path / "data/empty/x"): "Not a directory",
        "/dev/null": EXPECTED,
    }


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Root can read everything."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_every_path_that_cannot_be_read_is_named_at_once() -> None:
    # Under pytest's own folders there is nothing that nobody could read.
    with tempfile.TemporaryDirectory() as made:
        top = Path(made)
        top.chmod(0o755)
        for name in ("data/closed/file", "data/open", "data/secret", "shut/file"):
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).touch()
        closed = (top / "data/closed", top / "data/secret", top / "shut")
        for path in closed:
            path.chmod(0)
        with as_nobody():
            said = problems_of(top / "data", top / "shut/file")
        for path in closed:
            path.chmod(0o700)
    places = ("data/closed", "data/secret", "shut/file")
    assert said == {str(top / place): "Permission denied" for place in places}


def untarred(inputs: tuple[Input, ...], folder: Path) -> None:
    """By the tar that a node has too."""
    folder.mkdir()
    content = b"".join(tar_chunks(inputs))
    subprocess.run(["tar", "-C", str(folder), "-xf", "-"], input=content, check=True)


def test_they_travel_as_a_tar_that_any_tar_reads(folder: Path, tmp_path: Path) -> None:
    deep = folder / "/".join("d" * 99 for _ in range(6))
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(os.urandom(2 * CHUNK_BYTES + 77))
    inputs = inputs_of([folder])
    untarred(inputs, tmp_path / "there")
    there = inputs_of([tmp_path / "there/data"])
    assert [(each.name, each.sha256, each.executable) for each in there] == [
        (each.name, each.sha256, each.executable) for each in inputs
    ]


def test_a_name_that_is_no_text_travels_as_it_is(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff")
    (tmp_path / name).touch()
    untarred(inputs_of([tmp_path / name]), tmp_path / "there")
    assert [path.name for path in (tmp_path / "there").iterdir()] == [name]


def test_they_arrive_with_their_bytes_and_modes(node: Host, folder: Path) -> None:
    inputs = inputs_of([folder, folder / "bin/program"])
    line = (
        "find data program -type f -exec sha256sum -z {} + | sort -z -k 2 | tr '\\0' '|'; echo; "
        "find data program -type f -perm -100 | sort; ./program; test -w data/empty; echo $?"
    )
    said, ended = ran(node, line, inputs)
    hashes, _, rest = said.rpartition("|\n")
    assert hashes.split("|") == [f"{each.sha256}  {each.name}" for each in inputs]
    assert rest.splitlines() == ["data/bin/program", "program", "ran", "0"]
    assert ended == "exited 0"


def test_a_task_without_any_has_an_empty_folder_for_its_results(node: Host) -> None:
    begin(node, "find . -mindepth 1; [ -w results ]")
    assert followed(node) == ("./results\n", "exited 0")


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


Change = Callable[[Path], object]
CHANGES: dict[str, Change] = {
    "other bytes": lambda path: path.write_bytes(b"x" * path.stat().st_size),
    "fewer bytes": lambda path: os.truncate(path, 5),
    "no bytes": lambda path: os.truncate(path, 0),
    "gone": Path.unlink,
    "a folder": become_a_folder,
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_that_has_changed_since_is_refused_and_nothing_begins(
    node: Host, tmp_path: Path, change: str
) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        path.write_bytes(os.urandom(CHUNK_BYTES))
    inputs = inputs_of(paths)
    CHANGES[change](paths[1])
    with pytest.raises(FreeholdError) as refused:
        begin(node, "true", inputs)
    (problem,) = refused.value.problems
    said = {"gone": "No such file or directory", "a folder": "Is a directory"}
    message = said.get(change, "it changed while it was copied")
    assert problem == Problem(str(paths[1]), message)
    assert look(node) is None


def test_one_that_has_grown_since_is_taken_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("a line\n")
    inputs = inputs_of([path])
    with path.open("a") as log:
        log.write("another\n")
    untarred(inputs, tmp_path / "there")
    assert (tmp_path / "there/log").read_text() == "a line\n"


def test_a_node_that_has_no_room_for_them_says_so_and_keeps_nothing(
    node: Host, tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(bytes(4 * CHUNK_BYTES))
    out(node, "mkdir -p /var/lib/freehold && mount -t tmpfs -o size=1m small /var/lib/freehold")
    try:
        with pytest.raises(FreeholdError, match="bringing the task's files: tar: large: "):
            begin(node, "true", inputs_of([tmp_path / "large"]))
        assert out(node, f"ls -d {TASK_FOLDER}* 2>/dev/null || true") == ""
    finally:
        out(node, "umount /var/lib/freehold; rmdir /var/lib/freehold")
