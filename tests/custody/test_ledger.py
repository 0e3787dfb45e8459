"""A ledger is read as it was written, by however many; whatever else was done to it is named."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from freehold.custody.chain import LedgerError
from freehold.custody.event import Act, Entry, Event, canonical
from freehold.custody.ledger import entry_name, read_ledger, record
from freehold.weights.manifest import Kind
from freehold.weights.owner import Owner
from freehold.weights.store import Store
from tests.custody.ledgers import GLM, event, fill, history
from tests.weights.keys import make_owner

COUNT = len(history())


def path(store: Store, number: int) -> Path:
    return Path(store.place) / entry_name(number)


def faults(store: Store, owner: Owner | None = None) -> list[tuple[str, str]]:
    """The name of each object that is refused, and the first line of why."""
    with pytest.raises(LedgerError) as caught:
        read_ledger(store, owner)
    return [
        (problem.place.removeprefix(f"{store.place}/custody/"), problem.message.splitlines()[0])
        for problem in caught.value.problems
    ]


def named(*numbers: int) -> list[str]:
    return [f"{number:09d}.json" for number in numbers]


def test_an_empty_ledger_holds(store: Store) -> None:
    ledger = read_ledger(store)
    assert (ledger.entries, ledger.head, ledger.copies()) == ((), "", ())


def test_what_was_recorded_is_read_back_in_its_order(store: Store, owner: Owner) -> None:
    fill(store, owner)
    ledger = read_ledger(store, owner)
    assert [entry.event for entry in ledger.entries] == history()
    assert [entry.sequence for entry in ledger.entries] == list(range(1, COUNT + 1))
    assert ledger.unsigned == ()
    assert ledger.head == hashlib.sha256(path(store, COUNT).read_bytes()).hexdigest()
    times = [entry.time for entry in ledger.entries]
    assert times == sorted(times)


def test_another_user_and_machine_would_be_named(store: Store) -> None:
    entry = record(store, event(Act.PUT, "home"))
    user, _, machine = entry.who.partition("@")
    assert user
    assert machine


WRITER = """
import sys
from pathlib import Path
from freehold.custody.ledger import record
from freehold.weights.open import open_store
from tests.custody.ledgers import event
from freehold.custody.event import Act
for number in range(15):
    record(open_store(Path(sys.argv[1])), event(Act.VERIFIED, sys.argv[2], number=number))
"""


def test_several_who_write_at_once_lose_nothing(store: Store) -> None:
    places = ("one", "two", "three")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, store.place, place], cwd=Path(__file__).parents[2]
        )
        for place in places
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    entries = read_ledger(store).entries
    assert len(entries) == 45
    for place in places:
        own = [entry.event.details["number"] for entry in entries if entry.event.place == place]
        assert own == list(range(15))


def rewrite(store: Store, number: int, **changes: object) -> None:
    """As someone does who knows the format."""
    known = json.loads(path(store, number).read_bytes())
    path(store, number).write_bytes(canonical({**known, **changes}))


@pytest.mark.parametrize("number", range(1, COUNT))
def test_a_changed_entry_is_named(store: Store, number: int) -> None:
    fill(store)
    rewrite(store, number, place="elsewhere")
    assert faults(store) == [
        (*named(number), f"entry {number} was changed since entry {number + 1} was written")
    ]


@pytest.mark.parametrize("number", range(2, COUNT))
def test_a_changed_link_is_named_and_not_what_it_speaks_of(store: Store, number: int) -> None:
    fill(store)
    rewrite(store, number, previous="0" * 64)
    assert [name for name, _ in faults(store)] == named(number)


def test_every_changed_entry_is_named(store: Store) -> None:
    fill(store)
    for number in (2, 5):
        rewrite(store, number, who="nobody@nowhere")
    assert [name for name, _ in faults(store)] == named(2, 5)


@pytest.mark.parametrize("number", range(1, COUNT))
def test_a_removed_entry_is_named(store: Store, number: int) -> None:
    fill(store)
    path(store, number).unlink()
    assert faults(store) == [(*named(number), f"entry {number} is missing")]


def test_entries_that_changed_places_are_named(store: Store) -> None:
    fill(store)
    two, three = path(store, 2).read_bytes(), path(store, 3).read_bytes()
    path(store, 2).write_bytes(three)
    path(store, 3).write_bytes(two)
    assert faults(store) == [
        (*named(2), "expected entry 2, got entry 3"),
        (*named(3), "expected entry 3, got entry 2"),
    ]


def test_a_copy_of_an_entry_behind_the_last_is_named(store: Store) -> None:
    fill(store)
    path(store, COUNT + 1).write_bytes(path(store, 4).read_bytes())
    assert faults(store) == [(*named(COUNT + 1), f"expected entry {COUNT + 1}, got entry 4")]


def test_an_entry_that_was_put_in_between_is_named(store: Store) -> None:
    """Under a number of its own, those behind it moved on without being written anew."""
    fill(store)
    for number in range(COUNT, 4, -1):
        path(store, number).rename(path(store, number + 1))
    path(store, 5).write_bytes(path(store, 4).read_bytes())
    assert faults(store) == [(*named(5), "expected entry 5, got entry 4")]


def test_a_file_that_is_no_entry_is_named(store: Store) -> None:
    fill(store)
    (Path(store.place) / "custody/000000004a.json").write_bytes(path(store, 4).read_bytes())
    assert [name for name, _ in faults(store)] == ["000000004a.json"]


RUBBISH = {
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "no JSON": b"{",
    "a list": b"[]\n",
    "lists in lists": b"[" * 100_000,
    "null": b"null\n",
    "another mapping": b'{"sequence":1}\n',
    "a number for a name": None,
}


@pytest.mark.parametrize("what", RUBBISH)
def test_rubbish_is_refused_at_its_place(store: Store, what: str) -> None:
    fill(store)
    if (content := RUBBISH[what]) is None:
        rewrite(store, 3, name=3)
    else:
        path(store, 3).write_bytes(content)
    name, words = faults(store)[0]
    assert [name] == named(3)
    assert words.startswith("expected entry 3, got ")


def test_another_spelling_of_the_same_is_refused(store: Store) -> None:
    fill(store)
    text = path(store, COUNT).read_text()
    path(store, COUNT).write_text(text.replace('":', '": '))
    assert [name for name, _ in faults(store)] == named(COUNT)


def test_the_last_entry_is_held_by_its_signature_alone(store: Store, owner: Owner) -> None:
    """The chain alone does not know of it, and says so in check_chain's own words."""
    fill(store, owner)
    rewrite(store, COUNT, act="arrived")
    assert read_ledger(store).entries[-1].event.act is Act.ARRIVED
    assert faults(store, owner) == [
        (*named(COUNT), f"entry {COUNT} was changed since it was signed")
    ]


def test_a_chain_that_was_written_anew_is_refused_by_its_signatures(
    store: Store, owner: Owner
) -> None:
    fill(store, owner)
    previous = ""
    for number in range(1, COUNT + 1):
        rewrite(store, number, who="thief@den", previous=previous)
        previous = hashlib.sha256(path(store, number).read_bytes()).hexdigest()
    assert len(read_ledger(store).entries) == COUNT
    assert [name for name, _ in faults(store, owner)] == named(*range(1, COUNT + 1))


def test_what_another_signed_or_nobody_is_told_apart(
    store: Store, owner: Owner, tmp_path: Path
) -> None:
    record(store, event(Act.PUT, "home"), owner)
    record(store, event(Act.ARRIVED), make_owner(tmp_path, "guest"))
    record(store, event(Act.VERIFIED))
    record(store, event(Act.WIPED), owner)
    assert read_ledger(store, owner).unsigned == (2, 3)
    assert read_ledger(store).unsigned == ()


def test_a_key_that_is_locked_away_stops_no_record(store: Store, tmp_path: Path) -> None:
    closed = make_owner(tmp_path, "closed", passphrase="a passphrase")
    assert record(store, event(Act.PUT, "home"), closed).signature == ""
    assert read_ledger(store, closed).unsigned == (1,)


def test_a_signature_can_be_checked_without_freehold(
    store: Store, owner: Owner, tmp_path: Path
) -> None:
    """An entry without its signature, as jq -cS prints it, is what was signed."""
    record(store, event(Act.PUT, "home", licence="für alle"), owner)
    known = json.loads(path(store, 1).read_bytes())
    (tmp_path / "signature").write_text(known.pop("signature"))
    (tmp_path / "signers").write_text(f"me {owner.public}\n")
    text = json.dumps(known, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    argv = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "signers", "-I", "me"]
    subprocess.run(
        [*argv, "-n", "freehold", "-s", tmp_path / "signature"],
        input=text.encode(),
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize("details", [{"seconds": 1.5}, {"ok": True}, {"list": []}, {"none": None}])
def test_details_that_could_be_spelt_in_two_ways_are_refused(details: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected words and whole numbers"):
        Event(Act.PUT, Kind.WEIGHTS, "glm", GLM, "home", "", details)  # type: ignore[arg-type]


def test_an_entry_of_odd_words_is_one_line_and_comes_back() -> None:
    odd = Event(Act.LOST, Kind.ENGINE, "e", "0", 'a "name"\nof\x7f two lines \udcff', "\u2028", {})
    entry = Entry(1, "2026-01-02T03:04:05.000006Z", "ö@ü", odd, "")
    assert entry.content.count(b"\n") == 1
    assert Entry.of_content(entry.content) == entry
