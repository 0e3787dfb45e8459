"""A stack that rents, all the way: the instance is a lab box, and becomes a node like any other."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold import lab
from freehold.custody.ledger import read_ledger
from freehold.hosts.ssh import SshHost
from freehold.weights.store import Store
from tests.aws.world import World
from tests.infra.on_box import is_served, seen_on, server_pid
from tests.infra.rented import Rented, boots_as, host_key_of, rented_stack
from tests.infra.stack import ROOT


@pytest.fixture(scope="module")
def rented(
    lab_boxes: lab.Lab, store: Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rented]:
    """Its instances are the first box, whose host key their consoles show."""
    world, box = World(), lab_boxes.boxes[0]
    boots_as(world, box)
    folder = tmp_path_factory.mktemp("rented")
    found = rented_stack(
        folder, store, world, box.lab_folder / "client_key.pub", user="admin", hours=1
    )
    yield found
    found.stack.forget()
    world.close()


def test_up_makes_a_node_that_answers_by_the_pinned_key(
    rented: Rented, box: lab.Box, host: SshHost
) -> None:
    said = rented.stack.up().must().text
    assert "first token after" in said
    outputs = rented.stack.outputs()
    assert outputs["lease"]["instance"] == rented.world.billing()[0].id
    assert outputs["lease"]["usd_per_hour"] == rented.record().live[0].usd_per_hour
    assert is_served(host, outputs["api_key"])
    assert outputs["layouts"]["rented"]["mode"]


def test_a_second_up_changes_nothing(rented: Rented) -> None:
    assert rented.stack.up().must().changes == {}


def test_no_secret_is_in_user_data_tags_or_ledger(rented: Rented) -> None:
    key = rented.stack.outputs()["api_key"]
    (machine,) = rented.world.machines()
    assert "freehold-lease" in machine.user_data
    assert key not in machine.user_data
    assert key not in str(machine.tags)
    assert key not in str([note.details for note in rented.record().notes])
    assert all(key not in str(call.parameters) for call in rented.world.calls)


def test_fab_finds_the_node_by_the_ledger(rented: Rented) -> None:
    done = subprocess.run(
        [str(ROOT / ".venv/bin/fab"), "node.facts"],
        cwd=ROOT,
        env={**os.environ, **rented.stack.env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("rented  os")


def test_weights_that_went_with_their_instance_are_noted(
    rented: Rented, store: Store, box: lab.Box
) -> None:
    (machine,) = rented.world.billing()
    rented.world.instance_powered_off(machine.id)
    rented.stack.up().must()  # on the same box, which still has all of it
    entries = read_ledger(store).entries
    gone = [each.event for each in entries if each.event.details.get("instance") == machine.id]
    assert gone[-1].details["wiped"] == "with its instance"
    assert server_pid(box)


def test_destroy_leaves_nothing_and_says_what_it_cost(rented: Rented, box: lab.Box) -> None:
    said = rented.stack.destroy().must().text
    assert "clean, of what was looked at" in said
    assert f"lease {rented.record().lease.token} is closed" in said
    assert rented.world.left() == ()
    assert rented.record().is_closed
    assert server_pid(box) == 0
    assert not seen_on(box, "var/lib/freehold/weights/*")


def test_fab_says_that_nothing_is_rented(rented: Rented) -> None:
    done = subprocess.run(
        [str(ROOT / ".venv/bin/fab"), "node.facts"],
        cwd=ROOT,
        env={**os.environ, **rented.stack.env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "nothing is rented now" in done.stdout + done.stderr


def test_a_host_key_that_the_console_did_not_show_is_refused(
    lab_boxes: lab.Lab, store: Store, tmp_path: Path
) -> None:
    world, (box, other) = World(), lab_boxes.boxes
    boots_as(world, box, host_key_of(other))
    found = rented_stack(
        tmp_path, store, world, box.lab_folder / "client_key.pub", user="admin", hours=1
    )
    try:
        failed = found.stack.up().must(1)
        assert "has changed: refused" in failed.text
        assert "someone stands between" in failed.text
        found.stack.destroy().must()  # nothing was placed on it, and AWS ends it
        assert world.left() == ()
    finally:
        found.stack.forget()
        world.close()
