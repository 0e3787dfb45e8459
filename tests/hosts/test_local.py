"""This machine as a host: what only it has to mind."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freehold.hosts.command import Command
from freehold.hosts.host import UnreachableError
from freehold.hosts.local import LocalHost
from tests.deadline import in_time


@pytest.fixture
def local() -> Iterator[LocalHost]:
    with closing(LocalHost()) as host:
        yield host


def test_what_pulumi_keeps_in_the_environment_is_not_handed_on(
    local: LocalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", '{"freehold:api_key": "decrypted"}')
    monkeypatch.setenv("ANOTHER", "kept")
    seen = local.run(Command("env", "looking")).stdout
    assert "ANOTHER=kept" in seen
    assert "PULUMI" not in seen


def test_cancel_ends_what_the_command_started(local: LocalHost, tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! >{tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; wait"

    def run() -> None:
        with pytest.raises(UnreachableError, match="cancelled"):
            local.run(Command(script, "a long test"))

    thread = threading.Thread(target=run)
    thread.start()
    assert in_time((tmp_path / "pid").exists)
    child = Path("/proc", (tmp_path / "pid").read_text().strip())
    assert child.exists()
    local.cancel()
    thread.join(5)
    assert not thread.is_alive()
    assert in_time(lambda: not child.exists() or "Z" in (child / "stat").read_text().split(), 5)


def test_a_forwarded_port_that_nobody_listens_on_ends_the_connection(local: LocalHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with local.forward(port) as path, socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(path))
        assert client.recv(1) == b""


def test_its_folder_goes_with_it_and_comes_again(local: LocalHost) -> None:
    with local.forward(1) as path:
        folder = path.parent
    local.close()
    assert not folder.exists()
    assert local.run(Command("echo again", "a test")).stdout == "again\n"
