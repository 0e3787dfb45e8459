"""A node with a door: opened by `up`, changed without a cut, and gone without a trace."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import ssl
from typing import Any

import pytest
import yaml

from freehold import lab
from freehold.render.door import DOOR_CONFIG_PATH, DOOR_UNIT
from tests.door.visitor import Visitor, is_whole
from tests.infra.on_box import on
from tests.infra.stack import Stack
from tests.playbooks.conftest import Fab

ADA, EVE = "ada-has-a-key-of-32-characters-or", "eve-has-one-too-until-she-has-not"
EXPOSURE_MAX = 1.5
CANARY = "platypus"
PLACES = "find /etc/freehold /usr/local /etc/systemd/system /var/lib/freehold 2>/dev/null | sort"
"""Where a door is; the package's own user stays, as Debian has it."""


def key_of(name: str, key: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "sha256": hashlib.sha256(key.encode()).hexdigest(), **more}


@pytest.fixture(scope="module")
def bare(door_box: lab.Box) -> str:
    return on(door_box, PLACES)


@pytest.fixture(scope="module")
def door(stack: Stack, door_box: lab.Box, bare: str) -> Visitor:
    """The owner, before the open door."""
    stack.config["door"] = {
        "keys": [key_of("ada", ADA), key_of("eve", EVE, per_minute=3, at_once=1)],
    }
    stack.write()
    stack.up().must()
    found = stack.outputs()
    return Visitor(door_box.address, 8443, found["ca_certificate"], found["api_key"])


def as_(door: Visitor, key: str) -> Visitor:
    return Visitor(door.address, door.port, door.ca, key)


def main_pid(box: lab.Box) -> str:
    return on(box, f"systemctl show -p MainPID --value {DOOR_UNIT}").strip()


def up_with(stack: Stack, **door: Any) -> None:
    stack.config["door"] = {**stack.config["door"], **door}
    stack.write()
    stack.up().must()


def test_those_with_a_key_are_answered_and_nobody_else(
    door: Visitor, stack: Stack, door_box: lab.Box
) -> None:
    assert stack.outputs()["endpoints"] == {"one": f"https://{door_box.address}:8443/v1"}
    assert door.ask().text
    assert as_(door, ADA).ask().text
    for stranger in (as_(door, ""), as_(door, "not-a-key-of-anybody")):
        refused = stranger.ask()
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    by_header = as_(door, "").request("GET", "/v1/models", headers={"x-api-key": ADA})
    assert by_header.status == 200
    assert as_(door, "").request("GET", "/health").status == 200
    assert as_(door, "").request("GET", "/v1/models").status == 401


def test_the_server_itself_is_reached_by_nobody_else(door: Visitor, door_box: lab.Box) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((door_box.address, 8080), 5)
    for port in (8405, 8406):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((door_box.address, port), 5)


def test_its_certificate_is_of_the_stacks_own_authority(door: Visitor) -> None:
    trusted = ssl.create_default_context()
    with (
        socket.create_connection((door.address, door.port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        trusted.wrap_socket(plain, server_hostname=door.address)


def test_a_second_up_changes_nothing(door: Visitor, stack: Stack) -> None:
    assert stack.up().must().changes == {}


def test_the_log_has_the_keys_name_and_neither_key_nor_prompt(
    door: Visitor, door_box: lab.Box
) -> None:
    as_(door, ADA).ask(f"A {CANARY} is")
    log = on(door_box, f"journalctl -q --no-pager -u {DOOR_UNIT} -u llama-server")
    assert re.search(r"key=ada POST /v1/completions 200", log)
    assert CANARY not in log
    assert ADA not in log
    assert door.key not in log


def test_no_file_but_roots_and_the_doors_has_a_secret(door: Visitor, door_box: lab.Box) -> None:
    listed = on(door_box, "stat -c '%a %U:%G %n' /etc/freehold/door/*").splitlines()
    assert {line.rpartition(" ")[0] for line in listed} == {"640 root:haproxy"}
    assert door.key not in on(door_box, f"cat {DOOR_CONFIG_PATH} /etc/systemd/system/freehold-*")


def test_fab_knows_of_the_door(door: Visitor, stack: Stack, fab: Fab) -> None:
    assert "as declared" in fab("node.drift", stack=stack).must().out
    assert "key=owner" in fab("service.logs", "--of", "door", stack=stack).must().out
    fab("service.ask", "--question", "Who are you?", "--max-tokens", "3", stack=stack).must()


def test_a_key_that_fab_makes_is_printed_once_with_the_lines_for_the_stack(fab: Fab) -> None:
    made = fab("key.new", "--name", "lin").must()
    entry = yaml.safe_load(made.err.partition("\n")[2])["keys"]
    assert entry == [key_of("lin", made.out.strip())]
    refused = fab("key.new", "--name", "owner").must(1)
    assert refused.out == ""
    assert refused.err.startswith("--name: expected a name")


def test_a_key_has_its_requests_a_minute_and_no_more(door: Visitor) -> None:
    eve = as_(door, EVE)
    statuses = [eve.ask().status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = eve.ask()
    assert "a minute" in refused.body
    assert int(refused.headers["Retry-After"]) > 0
    assert as_(door, ADA).ask().status == 200


def test_a_key_is_added_and_one_revoked_without_a_cut(
    door: Visitor, stack: Stack, door_box: lab.Box
) -> None:
    grace, pid = as_(door, "grace-comes-later-with-her-own-key"), main_pid(door_box)
    kept = as_(door, EVE).connection()
    assert as_(door, EVE).request_on(kept, "GET", "/v1/models").status == 200
    with door.stream(400) as response:
        up_with(stack, keys=[key_of("ada", ADA), key_of("grace", grace.key)])
        assert is_whole(response)
    assert main_pid(door_box) == pid
    assert grace.ask().status == 200
    assert as_(door, EVE).ask().status == 401
    # Also by a connection that an earlier worker holds.
    try:
        assert as_(door, EVE).request_on(kept, "GET", "/v1/models").status == 401
    except ConnectionError:
        pass
    finally:
        kept.close()


def test_another_certificate_is_shown_without_a_cut(
    door: Visitor, stack: Stack, door_box: lab.Box
) -> None:
    pid = main_pid(door_box)
    with door.stream(400) as response:
        up_with(stack, hostnames=["llm.example.org"])
        assert is_whole(response)
    assert main_pid(door_box) == pid
    context = ssl.create_default_context(cadata=door.ca)
    with (
        socket.create_connection((door.address, door.port)) as plain,
        context.wrap_socket(plain, server_hostname="llm.example.org"),
    ):
        pass


def test_requests_beyond_the_slots_wait_and_the_queue_has_an_end(
    door: Visitor, stack: Stack
) -> None:
    up_with(stack, queue=1)
    with door.stream(600) as one, door.stream(600) as two:  # both slots
        waiting = door.connection()
        body = {"prompt": "The", "max_tokens": 1}
        waiting.request(
            "POST", "/v1/completions", json.dumps(body), {"Authorization": f"Bearer {door.key}"}
        )
        refused = door.ask()
        while refused.status == 200:  # the other one was not in the queue yet
            refused = door.ask()
        assert refused.status == 429
        assert "queue" in refused.body
        assert is_whole(one)
        assert is_whole(two)
        assert waiting.getresponse().status == 200
        waiting.close()


def test_what_is_edited_by_hand_is_shown_and_mended(
    door: Visitor, stack: Stack, door_box: lab.Box
) -> None:
    on(door_box, f"sed -i 's/maxconn 4000/maxconn 1/' {DOOR_CONFIG_PATH}")
    shown = stack.preview().must()
    assert f"one:{DOOR_CONFIG_PATH}" in shown.changes
    stack.up().must()
    assert door.ask().status == 200
    on(door_box, f"systemctl stop {DOOR_UNIT}")
    assert f"one:{DOOR_UNIT}" in stack.preview().must().changes
    stack.up().must()
    assert door.ask().status == 200


def test_a_worker_that_is_killed_is_made_again(door: Visitor, door_box: lab.Box) -> None:
    on(door_box, f"systemctl kill -s KILL {DOOR_UNIT}")
    up = "for n in $(seq 100); do systemctl is-active -q freehold-door && exit 0; sleep 0.1; done"
    on(door_box, up)
    assert door.ask().status == 200


def test_its_unit_is_as_closed_as_is_claimed(door: Visitor, door_box: lab.Box) -> None:
    said = on(door_box, f"systemd-analyze security --no-pager {DOOR_UNIT} | tail -1")
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", said)
    assert exposure is not None
    assert float(exposure[1]) <= EXPOSURE_MAX


def test_destroy_leaves_the_box_as_it_was(
    door: Visitor, stack: Stack, door_box: lab.Box, bare: str
) -> None:
    stack.destroy().must()
    assert on(door_box, PLACES) == bare
    assert "haproxy" not in on(door_box, "dpkg-query -W -f '${Package} ${db:Status-Status}\\n'")
