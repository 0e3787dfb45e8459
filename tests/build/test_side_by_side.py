"""Several builds on one node: each in a folder of its own, each removed alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import closing

import pytest

from demo.parts import ENGINE
from freehold import lab
from freehold.apply.converge import converge, look, remove
from freehold.hosts.command import Command
from freehold.hosts.host import Host, run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.plan.fileset import FileSet
from freehold.weights.manifest import Kind
from freehold.weights.store import Store


@pytest.fixture
def host(lab_boxes: lab.Lab) -> Iterator[Host]:
    """The first box, without anything of Freehold's."""
    box = lab_boxes.boxes[0]
    with closing(SshHost("node-1", box.name, SshSettings(lab_boxes.ssh_config))) as host:
        yield host
        run_or_raise(host, Command("rm -rf /var/lib/freehold", "cleaning up"))


def test_builds_lie_side_by_side_under_a_name_or_under_two(host: Host, store: Store) -> None:
    """One of the same name whose files differ, as of a name that was given anew, has another
    folder too."""
    first = store.manifest(Kind.ENGINE, ENGINE)
    second = dataclasses.replace(first, name="another")
    files = tuple(dataclasses.replace(file, executable=True) for file in first.files)
    third = dataclasses.replace(first, files=files)
    assert third.digest != first.digest
    sets = [FileSet(each) for each in (first, second, third)]
    converge(host, sets, store)
    assert all(
        len(found.proven) == len(each.manifest.files)
        for found, each in zip(look(host, sets), sets, strict=True)
    )
    for manifest in (first, second, third):
        said = Command(f"{manifest.node_entry} --help | head -c 1 | wc -c", "asking", root=False)
        assert run_or_raise(host, said).strip() == "1"
    remove(host, [sets[0]])
    one, *others = look(host, sets)
    assert not one.is_there
    assert all(found.is_there and found.proven for found in others)
