"""The real server with the real model on a box: what it answers, to whom, and what it hides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from freehold.apply.converge import converge, look, remove
from freehold.hosts.command import Command
from freehold.hosts.host import HostError, run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.plan.item import Item
from freehold.render.paths import KEY_PATH, UNIT
from freehold.service.client import Client, connect, read_key
from freehold.service.ready import wait_ready
from freehold.service.state import READY, state_of
from freehold.weights.store import Store
from tests.service.node import KEY, PORT, wanted

TREE = """
cd / && find etc opt srv usr/local var/lib -path var/lib/systemd -prune -o \
  -type f -printf '%p %m %U:%G %s %T@\\n' -o -printf '%p %y %m %U:%G %l\\n' | sort
"""


def out(host: SshHost, script: str) -> str:
    return run_or_raise(host, Command(script, "a test")).strip()


def state(host: SshHost, items: Sequence[Item]) -> str:
    return state_of(host, look(host, [items[-1]])[0], PORT)


@pytest.fixture(scope="module")
def items(ssh_host: SshHost, store: Store) -> Iterator[Sequence[Item]]:
    """All that a node is, on the box and ready; the box is as it was found afterwards."""
    before = out(ssh_host, TREE)
    items = wanted(ssh_host, store)
    assert state(ssh_host, items) == "not there: `pulumi up` places it"
    converge(ssh_host, items, store)
    states: list[str] = []
    assert wait_ready(ssh_host, UNIT, PORT, 120, states.append) < 120
    assert set(states) <= {"silent", "loading"}
    yield items
    remove(ssh_host, items)
    assert out(ssh_host, TREE) == before


@pytest.fixture
def client(ssh_host: SshHost, items: Sequence[Item]) -> Iterator[Client]:
    with connect(ssh_host, PORT) as client:
        yield client


def test_a_node_that_is_ready_is_converged(
    ssh_host: SshHost, store: Store, items: Sequence[Item]
) -> None:
    assert state(ssh_host, items) == READY
    assert converge(ssh_host, items, store) == ()


def test_it_gives_a_token_and_streams_an_answer(ssh_host: SshHost, client: Client) -> None:
    assert read_key(ssh_host) == KEY
    assert client.health() == "ready"
    assert client.first_token(KEY)
    pieces = list(client.ask(KEY, "Name a colour.", max_tokens=12))
    assert len([piece for piece in pieces if piece]) > 3
    assert "".join(pieces).strip()


ASK: dict[str, Callable[[Client], object]] = {
    "one token": lambda client: client.first_token("another-key"),
    "an answer": lambda client: list(client.ask("another-key", "x", 1)),
}


@pytest.mark.parametrize("what", ASK)
def test_a_wrong_key_is_refused_and_not_shown(client: Client, what: str) -> None:
    with pytest.raises(HostError, match="expected an answer of the model") as caught:
        ASK[what](client)
    assert "HTTP 401" in str(caught.value)
    assert "Invalid API Key" in str(caught.value)
    assert "another-key" not in str(caught.value)


def test_nobody_else_sees_the_key(ssh_host: SshHost, items: Sequence[Item]) -> None:
    processes = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '"
    shown = f"{processes}; journalctl -q --no-pager; cat /etc/systemd/system/{UNIT}"
    everywhere = out(ssh_host, shown)
    assert "--api-key-file" in everywhere
    assert KEY not in everywhere
    assert out(ssh_host, f"stat -c '%a %U' {KEY_PATH}") == "600 root"
    assert ssh_host.run(Command(f"su guest -c 'cat {KEY_PATH}'", "a stranger")).exit_status


def test_it_runs_as_a_user_of_its_own_without_any_privilege(
    ssh_host: SshHost, items: Sequence[Item]
) -> None:
    pid = out(ssh_host, f"systemctl show -P MainPID {UNIT}")
    # Of the users that systemd lends, which have no name in a box without nss-systemd.
    assert 61184 <= int(out(ssh_host, f"stat -c %u /proc/{pid}")) <= 65519
    status = out(ssh_host, f"grep -E '^(NoNewPrivs|CapEff):' /proc/{pid}/status")
    assert status.split() == ["CapEff:", "0000000000000000", "NoNewPrivs:", "1"]


def test_one_that_was_stopped_says_so_and_is_started_again(
    ssh_host: SshHost, store: Store, items: Sequence[Item]
) -> None:
    out(ssh_host, f"systemctl stop {UNIT}")
    assert state(ssh_host, items) == "inactive"
    converge(ssh_host, items, store)
    assert wait_ready(ssh_host, UNIT, PORT, 120) < 120
