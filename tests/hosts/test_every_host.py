"""One suite for every Host: OpenSSH to a real box, this machine, and the fake of the units."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freehold import lab
from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, UnreachableError, run_or_raise
from freehold.hosts.local import LocalHost
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from tests.deadline import in_time
from tests.hosts.fake import FakeHost

SECRET = "s3cr3t-$'\"-of-a-test"


@pytest.fixture(params=["fake", "local", "ssh"])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    if request.param == "fake":
        with closing(FakeHost()) as fake:
            yield fake
        return
    if request.param == "local":
        with closing(LocalHost()) as local:
            yield local
        return
    two: lab.Lab = request.getfixturevalue("lab_boxes")
    with closing(SshHost("node-1", two.boxes[0].name, SshSettings(two.ssh_config))) as ssh:
        yield ssh


class Cut(Command):
    """A command of whose script the last bytes never arrive."""

    def stdin(self) -> bytes:
        return super().stdin()[:-3]


@pytest.fixture
def folder(host: Host) -> Iterator[str]:
    """A folder on the host."""
    made = run_or_raise(host, Command("mktemp -d", "making a folder")).strip()
    yield made
    run_or_raise(host, Command(f"rm -rf {made}", "removing a folder"))


def out(host: Host, script: str, *secrets: str) -> str:
    return run_or_raise(host, Command(script, "a test", secrets)).strip()


def started(host: Host, command: Command, mark: str) -> tuple[threading.Thread, list[object]]:
    """Run `command` in a thread, and return once it has made the file `mark`."""
    ended: list[object] = []

    def run() -> None:
        try:
            ended.append(host.run(command))
        except UnreachableError as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert in_time(lambda: out(host, f"[ -e {mark} ] && echo there || true"))
    return thread, ended


def processes_with(text: str) -> list[str]:
    """The pids here whose command line or environment contains `text`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            known = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:  # it ended in the meantime
            continue
        if text.encode() in known:
            found.append(process.name)
    return found


def test_exit_status_and_both_outputs_come_back(host: Host) -> None:
    done = host.run(Command("echo one; echo two >&2; exit 7", "a test"))
    assert (done.exit_status, done.stdout, done.stderr) == (7, "one\n", "two\n")


def test_a_script_may_hold_whatever_a_shell_understands(host: Host) -> None:
    script = "cat <<'END'\n$HOME \"quoted\" 'single' \\n `id` ünï 🦙\nEND\n# a comment\n"
    assert out(host, script) == "$HOME \"quoted\" 'single' \\n `id` ünï 🦙"


def test_a_script_larger_than_any_argv_is_run(host: Host) -> None:
    long = "x" * 3_000_000
    assert out(host, f"printf %s {long} | wc -c") == "3000000"


def test_input_is_streamed_to_the_script(host: Host) -> None:
    chunks = [bytes([n]) * 1_000_000 for n in range(24)]
    done = host.run(Command("sha256sum", "a test", takes_input=True), iter(chunks))
    assert done.stdout.split()[0] == hashlib.sha256(b"".join(chunks)).hexdigest()


def test_a_script_that_stops_reading_ends_with_its_own_status(host: Host) -> None:
    command = Command("head -c 3 >/dev/null; echo enough >&2; exit 9", "a test", takes_input=True)
    done = host.run(command, (b"x" * 100_000 for _ in range(200)))
    assert (done.exit_status, done.stderr) == (9, "enough\n")


def test_a_large_output_comes_whole(host: Host) -> None:
    assert len(out(host, "head -c 8000000 /dev/zero | tr '\\0' x")) == 8_000_000


def test_output_that_is_not_text_does_not_break_the_result(host: Host) -> None:
    assert "\N{REPLACEMENT CHARACTER}" in out(host, r"printf 'a\377b'")


def test_secrets_are_masked_in_both_outputs(host: Host) -> None:
    script = f"cat <<'.' | tee /dev/stderr\n{SECRET}\n."
    done = host.run(Command(script, "a test", (SECRET,)))
    assert (done.stdout, done.stderr) == ("[secret]\n", "[secret]\n")


def test_secrets_are_masked_in_an_error(host: Host) -> None:
    command = Command(f"cat >&2 <<'.'\n{SECRET}\n.\nexit 1", "a test", (SECRET,))
    with pytest.raises(HostError) as caught:
        run_or_raise(host, command)
    assert "[secret]" in str(caught.value)
    assert SECRET not in str(caught.value) + repr(command)


def test_no_process_here_or_there_has_a_secret_in_its_argv_or_environment(
    host: Host, folder: str
) -> None:
    # What is looked for is not in the argv of what looks: the shell itself compares.
    look = (
        "all=$(cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' ')\n"
        'case $all in *"$secret"*) echo seen;; *) echo unseen;; esac'
    )
    script = (
        f"secret=$(cat <<'.'\n{SECRET}\n.\n)\n{look}\ntouch {folder}/started\n"
        f"while [ ! -e {folder}/looked ]; do sleep 0.05; done"
    )
    thread, ended = started(host, Command(script, "a test", (SECRET,)), f"{folder}/started")
    here = processes_with(SECRET)
    out(host, f"touch {folder}/looked")
    thread.join()
    assert here == []
    assert getattr(ended[0], "stdout", None) == "unseen\n"


def test_looking_through_the_processes_would_find_a_secret(host: Host) -> None:
    look = "cat /proc/$$/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '"
    assert "fh_control=" + "visible" in out(host, f"fh_control=visible sh -c {look!r}")


def test_a_script_that_is_cut_halfway_executes_nothing(host: Host, folder: str) -> None:
    with pytest.raises(UnreachableError):
        host.run(Cut(f"touch {folder}/one\ntouch {folder}/two", "a test"))
    assert out(host, f"ls {folder}") == ""


def test_a_port_of_the_hosts_loopback_is_reached_by_a_socket_here(host: Host) -> None:
    """Of the host's own: sshd on a box, a listener of the test where the host is this machine."""
    port, greeting = 22, b"SSH-2.0"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if isinstance(host, LocalHost):
            port, greeting = listener.getsockname()[1], b"here"
            threading.Thread(target=_greet, args=(listener,), daemon=True).start()
        with host.forward(port) as path, socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(path))
            assert client.recv(100).startswith(greeting)
            assert path.parent.stat().st_mode & 0o077 == 0
    assert not path.exists()


def _greet(listener: socket.socket) -> None:
    with listener.accept()[0] as connection:
        connection.sendall(b"here\n")


def test_cancel_ends_what_runs_and_refuses_what_comes_after(host: Host, tmp_path: Path) -> None:
    # On a box this path is as good as any other: it goes with the box.
    script = f"mkdir -p {tmp_path}; touch {tmp_path}/started; exec sleep 20"
    thread, ended = started(host, Command(script, "a long test"), f"{tmp_path}/started")
    host.cancel()
    thread.join(5)
    assert not thread.is_alive()
    assert isinstance(ended[0], UnreachableError)
    with pytest.raises(UnreachableError, match="cancelled"):
        host.run(Command("true", "a test"))


def test_a_command_answers_while_it_is_spoken_with(host: Host) -> None:
    count = Command("while read -r word; do echo got $word; done", "counting", takes_input=True)
    with host.talk(count) as talk:
        for word in ("one", "two"):
            talk.send(f"{word}\n".encode())
            assert talk.line() == f"got {word}"


def test_a_part_of_a_file_is_sent_as_it_is(host: Host, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    (tmp_path / "file").write_bytes(content)
    hashing = Command("sha256sum; echo end", "hashing", takes_input=True)
    with (tmp_path / "file").open("rb") as file, host.talk(hashing) as talk:
        assert talk.send_file(file.fileno(), 7, len(content)) == len(content) - 7
        talk.end()
        assert talk.line().split()[0] == hashlib.sha256(content[7:]).hexdigest()


def test_a_talk_that_ends_early_raises_with_the_reason(host: Host) -> None:
    broken = Command("echo said; echo no such weights >&2; exit 3", "a talk", takes_input=True)

    def listen() -> None:
        with host.talk(broken) as talk:
            assert talk.line() == "said"
            talk.line()

    with pytest.raises(HostError, match=r"(?s)a talk: exit 3.*no such weights"):
        listen()


def test_a_talk_that_is_cancelled_ends(host: Host) -> None:
    def listen() -> None:
        with host.talk(Command("cat", "listening", takes_input=True)) as talk:
            host.cancel()
            talk.line()

    with pytest.raises(UnreachableError, match="cancelled"):
        listen()


def test_another_connection_leads_to_the_same_box(host: Host) -> None:
    with host.another() as other:
        assert out(other, "cat /etc/machine-id") == out(host, "cat /etc/machine-id")
        if isinstance(host, SshHost):  # with a client of its own, seen by the box
            peer = "echo $SSH_CONNECTION"
            mine, its = (
                run_or_raise(h, Command(peer, "asking", root=False)) for h in (host, other)
            )
            assert mine != its
