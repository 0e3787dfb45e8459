"""A change of what is declared: shown line by line, done once, and no more than that."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import pytest

from demo.parts import WEIGHTS
from freehold import lab
from freehold.hosts.host import Host
from freehold.weights.manifest import Kind
from freehold.weights.open import open_store
from freehold.weights.put import put_weights
from freehold.weights.store import Store
from tests.infra.conftest import MakeStack
from tests.infra.on_box import UNIT, is_served, on, starts
from tests.infra.stack import Stack

SERVICE = f"one:{UNIT}"
UNIT_FILE = f"one:/etc/systemd/system/{UNIT}"
LAYOUT = "one-layout"
KEY_FILE = "one:/etc/freehold/api-key"


@pytest.fixture(scope="module")
def own_store(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a second name for the weights, and with other weights."""
    folder = tmp_path_factory.mktemp("stores") / "store"
    shutil.copytree(store.place, folder, copy_function=os.link)
    own = open_store(folder)
    first = own.manifest(Kind.WEIGHTS, WEIGHTS)
    own.declare(dataclasses.replace(first, name="renamed"))
    other = folder.with_name("other.gguf")
    # What follows the last tensor is padding: another file, and the same model.
    other.write_bytes(b"".join(own.read(first.files[0])) + bytes(32))
    put_weights(own, other, "other", {}, lambda _size: None)
    return own


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack, own_store: Store) -> Stack:
    stack = make_stack(store=own_store.place)
    stack.up().must()
    return stack


def test_a_changed_setting_is_one_line_of_the_units_file_and_one_restart(
    stack: Stack, box: lab.Box
) -> None:
    stack.config["server"]["context_tokens"] = 1024
    stack.write()
    before = starts(box)
    shown = stack.preview("--diff").must()
    assert shown.changes == {LAYOUT: "update", UNIT_FILE: "update", SERVICE: "update"}
    lines = [line.strip() for line in shown.text.splitlines()]
    assert [line for line in lines if "--ctx-size" in line and line[0] in "-+"] == [
        "-     --ctx-size 512 \\",
        "+     --ctx-size 1024 \\",
    ]
    assert starts(box) == before
    assert stack.up().must().changes == shown.changes
    assert starts(box) == before + 1
    argv = on(box, f"tr '\\0' ' ' </proc/$(systemctl show -P MainPID {UNIT})/cmdline")
    assert "--ctx-size 1024 " in argv


def test_with_a_changed_api_key_the_old_one_is_refused(
    stack: Stack, box: lab.Box, host: Host
) -> None:
    generated, own = stack.outputs()["api_key"], "a-key-of-my-own-making"
    assert is_served(host, generated)
    stack.set_api_key(own)
    before = starts(box)
    shown = stack.preview("--diff").must()
    assert shown.changes == {KEY_FILE: "update", SERVICE: "update"}
    assert own not in shown.text + stack.file.read_text()
    stack.up().must()
    assert starts(box) == before + 1
    assert not is_served(host, generated)
    assert is_served(host, own)


@pytest.mark.parametrize("name", ["renamed", "other"])
def test_other_weights_take_the_place_of_the_old_ones(
    stack: Stack, box: lab.Box, own_store: Store, name: str
) -> None:
    stack.config["model"] = {"weights": name}
    stack.write()
    before = starts(box)
    stack.up().must()
    assert starts(box) == before + 1
    wanted = own_store.manifest(Kind.WEIGHTS, name)
    assert on(box, "ls /var/lib/freehold/weights") == Path(wanted.node_folder).name
    argv = on(box, f"tr '\\0' ' ' </proc/$(systemctl show -P MainPID {UNIT})/cmdline")
    assert f"--model {wanted.node_entry} --alias {name} " in argv
    assert stack.preview().must().changes == {}
