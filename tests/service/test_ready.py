"""Waiting for a server that does not come: crashed, slow, stopped, silent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold import lab
from freehold.apply.converge import converge, look, plan, remove
from freehold.apply.script import run_steps
from freehold.hosts.command import Command
from freehold.hosts.host import HostError, run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.plan.steps import StartUnit
from freehold.render.paths import UNIT
from freehold.service.client import connect
from freehold.service.ready import journal, wait_ready
from freehold.service.state import state_of
from freehold.weights.open import open_store
from freehold.weights.put import put_weights
from freehold.weights.store import Store
from tests.gguf.files import write_model
from tests.service.node import KEY, PORT, wanted


def out(host: SshHost, script: str) -> str:
    return run_or_raise(host, Command(script, "a test")).strip()


def test_a_model_that_the_engine_does_not_know_fails_with_the_servers_own_words(
    ssh_host: SshHost, tmp_path: Path, store: Store
) -> None:
    own = _with_blobs_of(store, tmp_path / "own")
    model = write_model(tmp_path / "m.gguf", "nonsense")
    items = wanted(ssh_host, store, put_weights(own, model, "nonsense", {}, lambda _size: None))
    try:
        converge(ssh_host, items[:-1], own)
        run_steps(ssh_host, plan(ssh_host, items[-1:], look(ssh_host, items[-1:])))
        with pytest.raises(HostError) as caught:
            wait_ready(ssh_host, UNIT, PORT, 120)
        unit = look(ssh_host, items[-1:])[0]
        assert state_of(ssh_host, unit, PORT) == "crashed, to be started again"
        assert len(journal(ssh_host, UNIT, 3)) == 3
    finally:
        remove(ssh_host, items)
    assert f"node-1: {UNIT}: the server ended" in str(caught.value)
    assert "unknown model architecture: 'nonsense'" in str(caught.value)
    assert "fab -H node-1 service.logs" in str(caught.value)


def _with_blobs_of(store: Store, folder: Path) -> Store:
    """A store of the test's own, with the session's files in it."""
    for blob in [*Path(store.place).glob("blobs/*/*"), *Path(store.place).glob("layers/*/*")]:
        own = folder / blob.relative_to(store.place)
        own.parent.mkdir(parents=True, exist_ok=True)
        own.hardlink_to(blob)
    return open_store(folder)


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
    assert "expected it to be ready after 1 s, it is silent" in str(caught.value)
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
