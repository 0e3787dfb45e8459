"""A report says where each copy is and was, and not a letter of it can be changed unseen."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.custody.event import Act, canonical
from freehold.custody.ledger import entry_name, now, read_ledger, record, who
from freehold.custody.page import page
from freehold.custody.report import (
    Report,
    ReportError,
    check_report,
    digest_of,
    require_continued,
)
from freehold.weights.manifest import FileEntry, Kind, Manifest
from freehold.weights.open import create_store
from freehold.weights.owner import Owner, SignatureError
from freehold.weights.store import Store
from tests.custody.ledgers import event, fill, history
from tests.weights.keys import make_owner

COUNT = len(history())
MANIFEST = Manifest(
    Kind.WEIGHTS,
    "glm",
    "glm-1.gguf",
    tuple(FileEntry(f"glm-{n}.gguf", n, str(n) * 64, "e" * 64) for n in (1, 2)),
    {"licence": "MIT", "origin": "https://hub.example/<glm>"},
)


def made(store: Store, owner: Owner | None) -> Report:
    return Report.of(store.place, [MANIFEST], read_ledger(store, owner), (now(), who()), owner)


def refusal(text: str, owner: Owner | None = None) -> str:
    with pytest.raises(ReportError) as caught:
        check_report("old.json", text, owner)
    assert all(problem.place.startswith("old.json") for problem in caught.value.problems)
    return str(caught.value)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Owner]:
    folder = tmp_path_factory.mktemp("signed")
    owner, store = make_owner(folder), create_store(folder / "store")
    fill(store, owner)
    return made(store, owner), owner


def test_a_report_that_was_not_changed_passes(signed: tuple[Report, Owner]) -> None:
    report, owner = signed
    for asked in (owner, None):
        again, ledger = check_report("old.json", report.to_json(), asked)
        assert again == report
        assert len(ledger.entries) == COUNT


def test_a_report_without_an_owner_passes_too(store: Store) -> None:
    fill(store)
    report = made(store, None)
    assert check_report("old.json", report.to_json(), None)[0] == report
    assert report.signature == ""


def test_it_has_every_set_and_every_copy(signed: tuple[Report, Owner]) -> None:
    content = signed[0].content
    assert [(each["name"], each["about"]["licence"]) for each in content["sets"]] == [
        ("glm", "MIT")
    ]
    states = {copy["place"]: (copy["state"], copy["is_there"]) for copy in content["copies"]}
    assert states == {"home": ("put", True), "ada": ("wiped", False), "grace": ("verified", True)}
    ada = next(copy for copy in content["copies"] if copy["place"] == "ada")
    assert ada["arrived"]["details"] == {"proof": "c" * 64, "method": "push"}
    assert ada["gone"]["details"] == {"method": "blkdiscard"}


@pytest.mark.parametrize("how", ["deleted", "doubled", "swapped with the next"])
def test_no_line_can_be_moved(signed: tuple[Report, Owner], how: str) -> None:
    lines = signed[0].to_json().splitlines(keepends=True)
    for number, line in enumerate(lines[:-1]):
        following = lines[number + 1]
        if how == "swapped with the next" and line == following:
            continue
        instead = {
            "deleted": [following],
            "doubled": [line, line, following],
            "swapped with the next": [following, line],
        }[how]
        refusal("".join([*lines[:number], *instead, *lines[number + 2 :]]))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_letter_can_be_changed(signed: tuple[Report, Owner], data: st.DataObject) -> None:
    text = signed[0].to_json()
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda letter: letter != text[at]))
    refusal(f"{text[:at]}{other}{text[at + 1 :]}")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each word and number in it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        if isinstance(inner, dict | list):
            yield from leaves(inner, (*path, key))
        else:
            yield (*path, key)


def forged(report: Report, path: tuple[Any, ...], remove: bool) -> str:
    """As by someone who knows the format, and makes the digest anew."""
    content = json.loads(canonical(report.content))
    inner = content
    for step in path[:-1]:
        inner = inner[step]
    if remove:
        del inner[path[-1]]
    else:
        old = inner[path[-1]]
        inner[path[-1]] = old + 1 if isinstance(old, int) else f"{old}x"
    digest = digest_of(content, report.signature)
    return Report(content, digest, report.signature).to_json()


@pytest.mark.parametrize("remove", [False, True])
def test_nothing_can_be_forged_under_the_owners_signature(
    signed: tuple[Report, Owner], remove: bool
) -> None:
    """What the chain alone does not hold: the sets, whose report it is, and the last entry."""
    report, owner = signed
    held = [("ledger", "entries", number) for number in range(COUNT - 1)]
    paths = [path for path in leaves(report.content) if path[:3] not in held]
    for path in paths:
        if path[0] != "copies":
            refusal(forged(report, path, remove), owner)


@pytest.mark.parametrize("part", ["ledger", "copies"])
def test_the_ledger_and_what_follows_from_it_hold_without_any_owner(
    signed: tuple[Report, Owner], part: str
) -> None:
    """All but the last entry, after which nothing comes that could tell."""
    report = signed[0]
    paths = [path for path in leaves(report.content) if path[0] == part]
    last = ("ledger", "entries", COUNT - 1)
    for path in paths:
        if path[:3] != last and path[1] != "unsigned":
            refusal(forged(report, path, remove=False))


def test_a_changed_line_of_the_ledger_is_named(signed: tuple[Report, Owner]) -> None:
    text = forged(signed[0], ("ledger", "entries", 3, "place"), remove=False)
    assert "old.json: ledger 4: entry 4 was changed since entry 5 was written" in refusal(text)


def test_a_changed_last_line_is_named_by_its_signature(signed: tuple[Report, Owner]) -> None:
    report, owner = signed
    text = forged(report, ("ledger", "entries", COUNT - 1, "place"), remove=False)
    words = f"old.json: ledger {COUNT}: entry {COUNT} was changed since it was signed"
    assert words in refusal(text, owner)


def test_a_line_that_was_taken_out_of_the_ledger_is_named_once(
    signed: tuple[Report, Owner],
) -> None:
    text = forged(signed[0], ("ledger", "entries", 3), remove=True)
    words = refusal(text)
    assert "old.json: ledger 4: expected entry 4, got entry 5" in words
    assert words.count("expected entry") == 1


def test_anothers_report_is_refused(
    signed: tuple[Report, Owner], store: Store, tmp_path: Path
) -> None:
    thief = make_owner(tmp_path, "thief")
    fill(store)
    assert "got that of another key" in refusal(made(store, thief).to_json(), signed[1])


RUBBISH = ["", "{", "[]", "null", "{}", '{"report": {}}', "[" * 100_000]
RUBBISH += [
    json.dumps({"report": {"ledger": inner}, "digest": "", "signature": ""})
    for inner in (None, [], {"entries": 3}, {"entries": [3]}, {"entries": "abc"}, {"entries": {}})
]


@pytest.mark.parametrize("text", RUBBISH, ids=lambda text: text[:60])
def test_another_file_is_refused(text: str) -> None:
    refusal(text)


def test_a_key_that_is_locked_away_cannot_sign_a_report(store: Store, tmp_path: Path) -> None:
    fill(store)
    with pytest.raises(SignatureError):
        made(store, make_owner(tmp_path, "closed", passphrase="a passphrase"))


def test_todays_ledger_goes_on_where_the_report_ended(store: Store) -> None:
    fill(store)
    report = made(store, None)
    require_continued("old.json", report, read_ledger(store))
    record(store, event(Act.LOST, "grace"))
    require_continued("old.json", report, read_ledger(store))


def test_a_report_of_an_empty_ledger_is_continued_by_any(store: Store) -> None:
    report = made(store, None)
    fill(store)
    require_continued("old.json", report, read_ledger(store))


def test_a_ledger_whose_end_was_cut_off_is_found_by_an_earlier_report(store: Store) -> None:
    fill(store)
    report = made(store, None)
    (Path(store.place) / entry_name(COUNT)).unlink()
    assert len(read_ledger(store).entries) == COUNT - 1
    with pytest.raises(ReportError, match=f"expected entry {COUNT} of the ledger"):
        require_continued("old.json", report, read_ledger(store))


def test_a_ledger_that_was_written_anew_is_found_by_an_earlier_report(
    store: Store, tmp_path: Path
) -> None:
    fill(store)
    report = made(store, None)
    other = create_store(tmp_path / "other")
    fill(other)
    with pytest.raises(ReportError, match="written anew"):
        require_continued("old.json", report, read_ledger(other))


def test_the_signature_can_be_checked_without_freehold(
    signed: tuple[Report, Owner], tmp_path: Path
) -> None:
    """As the page says: jq -cS .report, and ssh-keygen."""
    report, owner = signed
    known = json.loads(report.to_json())
    (tmp_path / "signature").write_text(known["signature"])
    (tmp_path / "signers").write_text(f"me {owner.public}\n")
    text = json.dumps(known["report"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    argv = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "signers", "-I", "me"]
    subprocess.run(
        [*argv, "-n", "freehold", "-s", tmp_path / "signature"],
        input=f"{text}\n".encode(),
        check=True,
        capture_output=True,
    )


def test_the_page_shows_all_of_it_and_nothing_from_elsewhere(
    signed: tuple[Report, Owner],
) -> None:
    report, owner = signed
    html = page(report, owner)
    shown = [MANIFEST.digest, report.digest, owner.fingerprint, "blkdiscard", "c" * 64, "MIT"]
    shown += [file.sha256 for file in MANIFEST.files]
    shown += [str(entry["previous"]) for entry in report.entries]
    assert [word for word in shown if word not in html] == []
    assert "https://hub.example/&lt;glm&gt;" in html
    assert not re.search(r"<script|<img|<link|src=|@import|url\(", html)


def test_the_page_of_a_store_where_nothing_happened(store: Store) -> None:
    html = page(made(store, None), None)
    assert "nothing here is signed" in html
    assert "0 entries" in html


def test_the_page_says_what_the_owner_did_not_sign(store: Store, owner: Owner) -> None:
    fill(store)
    assert "not signed by the owner: entries 1, 2" in page(made(store, owner), owner)
