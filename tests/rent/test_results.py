"""Results of a task on a real box: home file by file, and nothing that is not theirs."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, cast

import pytest

from freehold.errors import FreeholdError
from freehold.hosts.command import Command, Result
from freehold.hosts.host import Host, HostError, UnreachableError
from freehold.hosts.ssh import SshHost
from freehold.hosts.talk import Talk
from freehold.job.results import (
    ROUNDS_MAX,
    SUMS,
    ResultFile,
    fetch,
    hash_of,
    results_in,
    sums_text,
)
from freehold.rent.task import TASK
from tests.hosts.fake import FakeHost
from tests.rent.masters import end_master
from tests.rent.tasks import Heard, ran

LONG = "語" * 85
"""As long as a name can be: 255 bytes."""
NAMES = (
    *("plain", "a b", " ", "-rf", "--help", "new\nline", "cr\r", "tab\t", "back\\slash", "\\n"),
    *("ünï 🦙", "$HOME `id` 'x' \"y\"", "*", "...", ".x.partial", "x", LONG),
    *("deep/er/file", "deep/-x", "de\nep/\\/a", "self"),
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "run/results"
    made.mkdir(parents=True)
    return made


def left(host: Host, line: str) -> None:
    """A task has left its results."""
    said, ended = ran(host, f"set -e; cd results; {line}")
    assert (said, ended) == ("", "exited 0")


def names_left(host: Host, *names: str) -> None:
    """Files whose content is their own name."""
    program = (
        "import os, pathlib, sys\n"
        "for name in map(bytes.fromhex, sys.argv[1:]):\n"
        "    path = pathlib.Path(os.fsdecode(name))\n"
        "    path.parent.mkdir(parents=True, exist_ok=True)\n"
        "    path.write_bytes(name)\n"
    )
    left(host, f"python3 -c '{program}' {' '.join(name.encode().hex() for name in names)}")


def fetched(host: Host, home: Path, heard: Heard | None = None) -> tuple[ResultFile, ...]:
    """What came; a pause takes no time."""
    heard = heard or Heard()
    return fetch(host, TASK, home, heard.lose, heard.paused_s.append)


def files_in(folder: Path) -> dict[str, bytes]:
    """All that lies there, links and what is partial too; no link is followed."""
    return {
        str(path.relative_to(folder)): b"" if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def result(path: str, content: bytes) -> ResultFile:
    return ResultFile(path, hashlib.sha256(content).hexdigest())


def test_each_file_comes_home_under_its_own_name(node: Host, home: Path) -> None:
    names_left(node, *NAMES)
    heard = Heard()
    found = fetched(node, home, heard)
    assert sorted(found, key=lambda each: each.path) == [
        result(name, name.encode()) for name in sorted(NAMES)
    ]
    assert files_in(home) == {name: name.encode() for name in NAMES}
    assert list(home.parent.iterdir()) == [home]
    assert heard.lost == []


def test_what_they_are_is_accepted_by_sha256sum_and_named_as_it_names_it(
    node: Host, home: Path
) -> None:
    names_left(node, *NAMES)
    text = sums_text(fetched(node, home))
    (home.parent / SUMS).write_text(text)
    check = ["sha256sum", "--check", "--strict", "--quiet", f"../{SUMS}"]
    done = subprocess.run(check, cwd=home, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (home / "x").write_text("damaged")
    assert subprocess.run(check, cwd=home, capture_output=True).returncode == 1
    (home / "x").write_text("x")
    argv = ["sha256sum", "--", *sorted(NAMES)]
    assert text == subprocess.run(argv, cwd=home, capture_output=True, check=True).stdout.decode()
    assert results_in(home) == tuple(result(name, name.encode()) for name in sorted(NAMES))


def test_large_and_empty_ones_come_whole(node: Host, home: Path) -> None:
    left(node, "seq 1 2000000 >large; : >empty; truncate -s 3000000 sparse")
    assert len(fetched(node, home)) == 3
    large = "".join(f"{number}\n" for number in range(1, 2_000_001)).encode()
    assert files_in(home) == {"large": large, "empty": b"", "sparse": bytes(3_000_000)}


@pytest.mark.parametrize("line", ["true", "mkdir only folders", "cd ..; rmdir results"])
def test_a_task_that_has_left_nothing_has_no_results(node: Host, home: Path, line: str) -> None:
    left(node, line)
    assert fetched(node, home) == ()
    assert files_in(home) == {}
    assert sums_text(()) == ""


def test_many_names_of_one_file_come_as_files_at_once(node: Host, home: Path) -> None:
    numbers = range(ROUNDS_MAX + 3)
    left(node, f"echo one >0; for n in $(seq 1 {numbers[-1]}); do ln 0 $n; done")
    heard = Heard()
    fetched(node, home, heard)
    assert files_in(home) == {str(number): b"one\n" for number in numbers}
    assert heard.lost == []


class Asked(SshHost):
    """Counts its talks, and does something before each."""

    before: Callable[[], object] = staticmethod(bool)
    talks = 0

    @contextlib.contextmanager
    def talk(self, command: Command) -> Iterator[Talk]:
        """See Host.talk."""
        self.talks += 1
        self.before()
        with super().talk(command) as talk:
            yield talk


@pytest.fixture
def asked(node: SshHost) -> Iterator[Asked]:
    """Another connection to the first box, on which results may lie."""
    with contextlib.closing(Asked("node-1", node._destination, node._settings)) as host:
        yield host


def test_what_is_here_is_not_copied_again_and_what_was_damaged_is(
    node: Host, asked: Asked, home: Path
) -> None:
    names_left(node, "a", "b", "c")
    first = fetched(asked, home)
    assert asked.talks == 1
    times = (home / "a").stat().st_mtime_ns
    assert fetched(asked, home) == first
    assert asked.talks == 1
    (home / "b").write_text("damaged")
    (home / "c").unlink()
    (home / "c").symlink_to(home / "a")
    assert fetched(asked, home) == first
    assert asked.talks == 2
    assert files_in(home) == {"a": b"a", "b": b"b", "c": b"c"}
    assert not (home / "c").is_symlink()
    assert (home / "a").stat().st_mtime_ns == times


def test_one_that_changes_on_its_way_is_fetched_again_as_it_is_then(
    node: Host, asked: Asked, home: Path
) -> None:
    names_left(node, "a", "b", "c")

    def change() -> None:
        if asked.talks == 1:
            node.run(Command(f"printf other >{TASK.results}/b", "a test"))

    asked.before = change
    heard = Heard()
    found = fetched(asked, home, heard)
    assert found == (result("a", b"a"), result("b", b"other"), result("c", b"c"))
    assert files_in(home) == {"a": b"a", "b": b"other", "c": b"c"}
    assert heard.lost == ["other bytes than its hash has, in b"]
    assert heard.paused_s == [2]


def test_one_that_never_stays_as_it_is_is_given_up_and_the_others_are_here(
    node: Host, asked: Asked, home: Path
) -> None:
    names_left(node, "a", "b")
    asked.before = lambda: node.run(Command(f"echo >>{TASK.results}/b", "a test"))
    heard = Heard()
    with pytest.raises(HostError, match=f"as on the node in {ROUNDS_MAX} rounds, got other bytes"):
        fetched(asked, home, heard)
    assert files_in(home) == {"a": b"a"}
    assert list(home.parent.iterdir()) == [home]
    assert heard.paused_s == [2, 4, 8, 16]


def test_links_and_devices_lead_nowhere(node: Host, home: Path) -> None:
    left(
        node,
        "echo mine >file; ln -s /etc/shadow link; ln -s file within; ln -s /etc folder; "
        "mkfifo pipe; ln -s nowhere dangling; mkdir sub; ln -s ../file sub/link; "
        "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"socket\")'",
    )
    node.run(Command(f"mknod {TASK.results}/device b 1 0", "a test"))
    assert fetched(node, home) == (result("file", b"mine\n"),)
    assert files_in(home) == {"file": b"mine\n"}


@pytest.mark.parametrize("target", ["/etc", "/root", "../../..", "results"])
def test_a_link_in_the_place_of_their_folder_leads_nowhere(
    node: Host, home: Path, target: str
) -> None:
    left(node, f"cd ..; rmdir results; ln -s {target} results")
    assert fetched(node, home) == ()


def test_a_name_that_is_no_text_is_an_error_that_shows_it(node: Host, home: Path) -> None:
    left(node, r"touch good $(printf 'bad\377name')")
    wanted = "node-1: results: expected a path within them, in UTF-8, got 'bad\ufffdname'"
    with pytest.raises(HostError) as refused:
        fetched(node, home)
    assert str(refused.value) == wanted
    assert files_in(home) == {}


def test_a_name_that_is_no_text_is_an_error_here_too(home: Path) -> None:
    (home / os.fsdecode(b"bad\xff")).touch()
    with pytest.raises(FreeholdError, match=r"expected a path in UTF-8, got 'bad\\udcff'"):
        results_in(home)


class Reading:
    """A stream that is cut when so many bytes were read of it."""

    def __init__(self, stream: IO[bytes], after_bytes: int, cut: Callable[[], object]) -> None:
        self._stream, self._left, self._cut = stream, after_bytes, cut

    def read(self, size_bytes: int = -1) -> bytes:
        data = self._stream.read(size_bytes)
        if 0 < self._left <= len(data):
            self._cut()
        self._left -= len(data)
        return data


class CutHost(SshHost):
    """Whose first talk is cut when so many bytes have come."""

    after_bytes = 0
    number = signal.SIGTERM

    @contextlib.contextmanager
    def talk(self, command: Command) -> Iterator[Talk]:
        """See Host.talk."""
        after_bytes, self.after_bytes = self.after_bytes, 0
        with super().talk(command) as talk:
            stream = Reading(talk.stdout, after_bytes, lambda: end_master(self, self.number))
            yield Talk(talk.stdin, cast("IO[bytes]", stream))


PART_BYTES = 3_000_000
CUTS = (1, 512, PART_BYTES // 2, PART_BYTES + 600, 2 * PART_BYTES)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("after_bytes", CUTS)
def test_a_connection_that_is_cut_on_the_way_is_made_again(
    node: SshHost, home: Path, number: signal.Signals, after_bytes: int
) -> None:
    left(node, f"for n in 1 2 3; do head -c {PART_BYTES} /dev/zero | tr '\\0' $n >$n; done")
    heard = Heard()
    with contextlib.closing(CutHost("node-1", node._destination, node._settings)) as host:
        host.after_bytes, host.number = after_bytes, number
        fetched(host, home, heard)
    assert files_in(home) == {n: n.encode() * PART_BYTES for n in "123"}
    assert list(home.parent.iterdir()) == [home]
    assert len(heard.lost) == 1
    assert "lost" in heard.lost[0]
    assert heard.paused_s == [2]


def test_one_who_is_cancelled_does_not_try_again(asked: Asked, home: Path) -> None:
    asked.cancel()
    heard = Heard()
    with pytest.raises(UnreachableError, match="cancelled"):
        fetched(asked, home, heard)
    assert heard.paused_s == []


class Lying(FakeHost):
    """A node that says to have a file of those names, and sends a tar of its own."""

    def __init__(self, names: Iterable[str], tar: Path) -> None:
        super().__init__("node-1")
        self._listed = "".join(f"{hashlib.sha256(b'x').hexdigest()} *./{n}\0" for n in names)
        self._tar = tar

    def run(self, _command: Command, _chunks: Iterable[bytes] = ()) -> Result:
        """See Host.run."""
        return Result(0, self._listed, "")

    @contextlib.contextmanager
    def talk(self, _command: Command) -> Iterator[Talk]:
        """See Host.talk."""
        with super().talk(Command(f"cat {self._tar}", "a test", takes_input=True)) as talk:
            yield talk


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    info.size = 1 if kind == tarfile.REGTYPE else 0
    return info


@pytest.mark.parametrize(
    "sent",
    [
        member("./../escaped"),
        member("/tmp/escaped-of-a-test"),
        member("./other"),
        member("./x", tarfile.SYMTYPE, "/etc/passwd"),
        member("./x", tarfile.LNKTYPE, "/etc/passwd"),
        member("./x", tarfile.CHRTYPE),
        member("./x", tarfile.FIFOTYPE),
        member("./x", tarfile.DIRTYPE),
    ],
    ids=lambda info: f"{info.name} of type {info.type.decode()}",
)
def test_what_was_not_asked_for_is_not_taken(
    home: Path, tmp_path: Path, sent: tarfile.TarInfo
) -> None:
    tar = tmp_path / "tar"
    with tarfile.open(tar, "w") as written:
        written.addfile(sent, io.BytesIO(b"x"))
    before = {*tmp_path.rglob("*")}
    with (
        contextlib.closing(Lying(["x"], tar)) as host,
        pytest.raises(HostError, match="got another thing than a file at '"),
    ):
        fetched(host, home)
    assert {*tmp_path.rglob("*")} == before
    assert not Path("/tmp/escaped-of-a-test").exists()


@pytest.mark.parametrize("name", ["../escaped", "a/../../b", "/etc/x", "", "a//b", ".", "a/."])
def test_a_name_that_leads_elsewhere_is_an_error(home: Path, tmp_path: Path, name: str) -> None:
    with (
        contextlib.closing(Lying([name], tmp_path / "no-tar")) as host,
        pytest.raises(HostError, match=r"node-1: results: expected a path within"),
    ):
        fetched(host, home)


def test_a_file_here_has_the_hash_that_sha256sum_says(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    assert hash_of(tmp_path / "file") == hashlib.sha256(b"x").hexdigest()
    with pytest.raises(FileNotFoundError):
        hash_of(tmp_path / "gone")


def test_what_lies_here_is_read_without_its_links(home: Path) -> None:
    (home / "sub").mkdir()
    (home / "sub/file").write_text("x")
    (home / "link").symlink_to(home / "sub/file")
    (home / "folder").symlink_to("/etc")
    assert results_in(home) == (result("sub/file", b"x"),)
