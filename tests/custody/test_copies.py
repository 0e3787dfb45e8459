"""Where each copy is or was, by what the ledger says."""

from __future__ import annotations

from freehold.custody.copies import Copy
from freehold.custody.event import Act, Event
from freehold.custody.ledger import read_ledger, record
from freehold.weights.manifest import Kind
from freehold.weights.store import Store
from tests.custody.ledgers import GLM, OTHER, event, fill


def copies(store: Store, *events: Event) -> dict[str, Copy]:
    for each in events:
        record(store, each)
    return {copy.latest.event.place: copy for copy in read_ledger(store).copies()}


def test_each_copy_is_where_its_last_entry_says(store: Store) -> None:
    fill(store)
    found = copies(store)
    assert {place: str(copy.state) for place, copy in found.items()} == {
        "home": "put",
        "ada": "wiped",
        "grace": "verified",
    }
    assert [place for place, copy in found.items() if copy.is_there] == ["home", "grace"]


def test_arrival_verification_and_end_are_kept_with_their_proofs(store: Store) -> None:
    fill(store)
    ada = copies(store)["ada"]
    assert ada.arrived
    assert ada.verified
    assert ada.gone
    assert ada.arrived.event.details["proof"] == "c" * 64
    assert ada.verified.event.act is Act.HEALED
    assert ada.gone.event.details["method"] == "blkdiscard"


def test_a_damaged_copy_is_there_but_not_whole(store: Store) -> None:
    ada = copies(store, event(Act.ARRIVED), event(Act.DAMAGED))["ada"]
    assert (ada.is_there, ada.is_whole) == (True, False)
    ada = copies(store, event(Act.HEALED))["ada"]
    assert (ada.is_there, ada.is_whole) == (True, True)


def test_to_be_served_changes_no_state(store: Store) -> None:
    ada = copies(store, event(Act.ARRIVED), event(Act.SERVED, engine="e"))["ada"]
    assert ada.state is Act.ARRIVED


def test_a_copy_that_comes_again_begins_anew(store: Store) -> None:
    ada = copies(store, event(Act.ARRIVED), event(Act.VERIFIED), event(Act.WIPED))["ada"]
    assert not ada.is_there
    again = copies(store, event(Act.ARRIVED))["ada"]
    assert (again.is_there, again.verified, again.gone) == (True, None, None)


def test_a_node_that_was_renamed_is_the_same_one(store: Store) -> None:
    before = Event(Act.ARRIVED, Kind.WEIGHTS, "glm", GLM, "ada", "machine-1")
    after = Event(Act.VERIFIED, Kind.WEIGHTS, "glm", GLM, "lovelace", "machine-1")
    assert list(copies(store, before, after)) == ["lovelace"]


def test_another_machine_of_the_same_name_has_a_copy_of_its_own(store: Store) -> None:
    for machine in ("machine-1", "machine-2"):
        record(store, Event(Act.ARRIVED, Kind.WEIGHTS, "glm", GLM, "ada", machine))
    assert len(read_ledger(store).copies()) == 2


def test_another_content_of_the_same_name_is_another_copy(store: Store) -> None:
    for digest in (GLM, OTHER):
        record(store, event(Act.ARRIVED, digest=digest))
    assert [copy.latest.event.digest for copy in read_ledger(store).copies()] == [GLM, OTHER]


def test_the_engines_that_a_set_was_served_with_are_known(store: Store) -> None:
    fill(store)
    record(store, event(Act.SERVED, engine="llama-1"))
    record(store, event(Act.SERVED, digest=OTHER, engine="llama-3"))
    ledger = read_ledger(store)
    assert ledger.served_with(GLM) == ("llama-1", "llama-2")
    assert ledger.served_with(OTHER) == ("llama-3",)
