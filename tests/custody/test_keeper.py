"""What happens to copies on nodes is written down, and no work fails where it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freehold.custody.event import Act, Event
from freehold.custody.keeper import Keeper
from freehold.custody.ledger import read_ledger, record
from freehold.errors import FreeholdError
from freehold.hosts.command import Command, Result
from freehold.weights.manifest import FileEntry, Kind, Manifest
from freehold.weights.open import create_store
from freehold.weights.store import Store
from tests.hosts.fake import FakeHost

FILE = FileEntry("m.gguf", 3, "a" * 64, "b" * 64)
WEIGHTS = Manifest(Kind.WEIGHTS, "m", "m.gguf", (FILE,))
ENGINE = Manifest(Kind.ENGINE, "e", "m.gguf", (FILE,))


class Node(FakeHost):
    """Says a machine id, and the hash of any proof."""

    def run(self, command: Command, chunks: object = ()) -> Result:  # noqa: ARG002 - as Host
        said = {"asking which machine it is": "id-1\n", "asking its proof": f"{'c' * 64}  -\n"}
        return Result(0, said[command.description], "")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")


@pytest.fixture
def node() -> Iterator[Node]:
    with closing(Node("ada")) as host:
        yield host


def keeper(store: Store) -> tuple[Keeper, list[str]]:
    said: list[str] = []
    return Keeper(lambda: store, None, said.append), said


def test_an_arrival_has_its_way_its_machine_and_its_proof(store: Store, node: Node) -> None:
    keeper(store)[0].arrived(node, WEIGHTS, way="ssh", bytes=3)
    (entry,) = read_ledger(store).entries
    assert entry.event == Event.of(
        Act.ARRIVED, WEIGHTS, "ada", "id-1", way="ssh", bytes=3, proof="c" * 64
    )


def test_an_arrival_where_it_was_damaged_is_a_healing(store: Store, node: Node) -> None:
    keeping, _said = keeper(store)
    keeping.arrived(node, WEIGHTS)
    keeping.keep(node, Act.DAMAGED, WEIGHTS)
    keeping.arrived(node, WEIGHTS)
    keeping.arrived(node, WEIGHTS)
    acts = [entry.event.act for entry in read_ledger(store).entries]
    assert acts == [Act.ARRIVED, Act.DAMAGED, Act.HEALED, Act.ARRIVED]


def test_what_is_gone_is_known_by_its_folder(store: Store, node: Node) -> None:
    keeping, _said = keeper(store)
    keeping.arrived(node, WEIGHTS)
    keeping.gone(node, WEIGHTS.node_folder, wiped="overwritten")
    (copy,) = read_ledger(store).copies()
    assert (copy.is_there, copy.latest.event.name) == (False, "m")


def test_a_set_that_no_ledger_knows_is_gone_by_what_its_folder_says(
    store: Store, node: Node
) -> None:
    keeper(store)[0].gone(node, "/var/lib/freehold/weights/old-name-0123456789ab")
    (entry,) = read_ledger(store).entries
    assert (entry.event.name, entry.event.digest) == ("old-name", "0123456789ab")


def test_engine_builds_are_nobodys_asset(store: Store, node: Node) -> None:
    keeper(store)[0].arrived(node, ENGINE)
    assert read_ledger(store).entries == ()


def test_a_store_that_is_away_is_said_and_nothing_fails(node: Node) -> None:
    said: list[str] = []

    def away() -> Store:
        raise FreeholdError.of("/mnt/nas", "expected the store's folder, found nothing")

    Keeper(away, None, said.append).gone(node, WEIGHTS.node_folder)
    assert len(said) == 1
    assert "/mnt/nas: expected the store's folder, found nothing" in said[0]


def test_a_ledger_that_does_not_hold_is_said(store: Store, node: Node) -> None:
    record(store, Event.of(Act.PUT, WEIGHTS, store.place))
    record(store, Event.of(Act.PUT, WEIGHTS, store.place))
    store.objects.delete("custody/000000001.json")
    keeping, said = keeper(store)
    keeping.arrived(node, WEIGHTS)
    assert "entry 1 is missing" in said[0]
