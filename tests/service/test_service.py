"""The real server on a box: when it is ready, what it answers, how it fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from freehold import lab
from freehold.apply.converge import converge, look, plan
from freehold.apply.script import run_steps
from freehold.hosts.command import Command
from freehold.hosts.host import HostError, run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.plan.item import Item
from freehold.plan.steps import StartUnit
from freehold.render.paths import KEY_PATH, UNIT
from freehold.service.client import connect, read_key
from freehold.service.ready import journal, wait_ready
from freehold.service.state import READY, state_of
from freehold.weights.put import put_weights
from freehold.weights.store import FolderStore
from tests.service.conftest import KEY, PORT, Items
from tests.weights.gguf_files import write_model


def out(host: SshHost, script: str) -> str:
    return run_or_raise(host, Command(script, "a test")).strip()


def facts_of_unit(host: SshHost, items: Sequence[Item]) -> tuple[str, bool]:
    unit = look(host, [items[-1]])[0]
    return state_of(host, unit, PORT), unit.is_running


def test_a_node_serves_and_is_gone_without_a_trace(
    ssh_host: SshHost, store: FolderStore, items: Items
) -> None:
    wanted, states = items(None), list[str]()
    assert facts_of_unit(ssh_host, wanted) == ("not there: `pulumi up` places it", False)
    converge(ssh_host, wanted, store)
    took_s = wait_ready(ssh_host, UNIT, PORT, 120, states.append)
    assert 0 < took_s < 120
    assert set(states) <= {"silent", "loading"}
    assert facts_of_unit(ssh_host, wanted) == (READY, True)
    assert converge(ssh_host, wanted, store) == ()
    _it_answers(ssh_host)
    _a_wrong_key_is_refused(ssh_host)
    _nobody_else_sees_the_key(ssh_host)
    _it_is_another_user(ssh_host)
    out(ssh_host, f"systemctl stop {UNIT}")
    assert facts_of_unit(ssh_host, wanted) == ("inactive", False)


def _it_answers(host: SshHost) -> None:
    assert read_key(host) == KEY
    with connect(host, PORT) as client:
        assert client.health() == "ready"
        assert client.first_token(KEY)
        pieces = list(client.ask(KEY, "Name a colour.", max_tokens=12))
    assert len([piece for piece in pieces if piece]) > 3
    assert "".join(pieces).strip()


def _a_wrong_key_is_refused(host: SshHost) -> None:
    with connect(host, PORT) as client:
        for refused in (
            lambda: client.first_token("another-key"),
            lambda: list(client.ask("another-key", "x", 1)),
        ):
            with pytest.raises(HostError, match="expected an answer of the model") as caught:
                refused()
            assert "HTTP 401" in str(caught.value)
            assert "Invalid API Key" in str(caught.value)
            assert "another-key" not in str(caught.value)


def _nobody_else_sees_the_key(host: SshHost) -> None:
    look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '"
    everywhere = out(host, f"{look}; journalctl -q --no-pager; cat /etc/systemd/system/{UNIT}")
    assert "--api-key-file" in everywhere
    assert KEY not in everywhere
    assert out(host, f"stat -c '%a %U' {KEY_PATH}") == "600 root"
    assert host.run(Command(f"su guest -c 'cat {KEY_PATH}'", "a stranger")).exit_status


def _it_is_another_user(host: SshHost) -> None:
    pid = out(host, f"systemctl show -P MainPID {UNIT}")
    # Of the users that systemd lends, which have no name in a box without nss-systemd.
    assert 61184 <= int(out(host, f"stat -c %u /proc/{pid}")) <= 65519
    assert out(host, f"grep -E '^(NoNewPrivs|CapEff):' /proc/{pid}/status").split() == [
        "CapEff:",
        "0000000000000000",
        "NoNewPrivs:",
        "1",
    ]


def test_a_model_that_the_engine_does_not_know_fails_with_the_servers_own_words(
    ssh_host: SshHost, tmp_path: Path, items: Items, store: FolderStore
) -> None:
    write_model(tmp_path / "m.gguf", "nonsense")
    own = _with_blobs_of(store, tmp_path / "own")
    wanted = items(put_weights(own, tmp_path / "m.gguf", "nonsense", {}, lambda _size: None))
    converge(ssh_host, wanted[:-1], own)
    run_steps(ssh_host, plan(ssh_host, wanted[-1:], look(ssh_host, wanted[-1:])))
    with pytest.raises(HostError) as caught:
        wait_ready(ssh_host, UNIT, PORT, 120)
    assert f"node-1: {UNIT}: the server ended" in str(caught.value)
    assert "unknown model architecture: 'nonsense'" in str(caught.value)
    assert "fab -H node-1 service.logs" in str(caught.value)
    assert facts_of_unit(ssh_host, wanted)[0] == "crashed, to be started again"
    assert len(journal(ssh_host, UNIT, 3)) == 3


def _with_blobs_of(store: FolderStore, folder: Path) -> FolderStore:
    """A store of the test's own, with the session's files in it."""
    for blob in Path(store.place).glob("blobs/*/*"):
        own = folder / blob.relative_to(store.place)
        own.parent.mkdir(parents=True, exist_ok=True)
        own.hardlink_to(blob)
    return FolderStore(folder)


SLOW = """\
mkdir -p /run/systemd/system && cat >/run/systemd/system/fh-slow.service <<'.'
[Service]
ExecStart=/bin/sh -c 'echo still at it; exec sleep infinity'
.
systemctl daemon-reload
"""


@pytest.fixture
def slow_unit(ssh_host: SshHost) -> Iterator[str]:
    """A unit that runs, says a word and never listens."""
    out(ssh_host, SLOW)
    run_steps(ssh_host, [StartUnit("fh-slow.service", "a test")])
    yield "fh-slow.service"
    out(ssh_host, "systemctl stop fh-slow; rm /run/systemd/system/fh-slow.service")
    out(ssh_host, "systemctl daemon-reload")


def test_a_server_that_is_never_ready_is_given_up_with_its_last_words(
    ssh_host: SshHost, slow_unit: str
) -> None:
    with pytest.raises(HostError) as caught:
        wait_ready(ssh_host, slow_unit, PORT, timeout_s=1)
    assert "expected it to be ready within 1 s, it is silent" in str(caught.value)
    assert "still at it" in str(caught.value)
    assert "freehold:server.ready_timeout_s" in str(caught.value)


def test_waiting_can_be_cancelled(ssh_host: SshHost, slow_unit: str) -> None:
    cancelled = threading.Event()
    with pytest.raises(HostError, match="cancelled while it was silent"):
        wait_ready(ssh_host, slow_unit, PORT, 120, lambda _state: cancelled.set(), cancelled)


def test_a_server_that_is_stopped_while_one_waits_is_no_longer_waited_for(
    ssh_host: SshHost, slow_unit: str
) -> None:
    def stop(_state: str) -> None:
        out(ssh_host, f"systemctl stop {slow_unit}")

    with pytest.raises(HostError, match=r"the server ended \(inactive\)"):
        wait_ready(ssh_host, slow_unit, PORT, 120, stop)


def test_nobody_at_the_port_is_silent(ssh_host: SshHost) -> None:
    with connect(ssh_host, 9) as client:
        assert client.health() == "silent"
        with pytest.raises(HostError, match="expected an answer of the model"):
            client.first_token(KEY)


def test_another_protocol_at_the_port_is_silent(ssh_host: SshHost, lab_boxes: lab.Lab) -> None:
    with connect(ssh_host, 22) as client:
        assert client.health() == "silent"
