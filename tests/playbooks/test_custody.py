"""Signing, where copies are, the report and torrents, as a person asks for them."""

from __future__ import annotations

from pathlib import Path

import libtorrent
import pytest

from freehold.custody.copies import copies_of
from freehold.custody.event import Act, Event
from freehold.custody.intake import take_in
from freehold.custody.ledger import entry_name, read_ledger, record
from freehold.facts.box import BOX
from freehold.facts.fact import gather
from freehold.facts.fileset import FileSetFacts
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.open import create_store
from freehold.weights.owner import Owner
from freehold.weights.store import Store
from playbooks.nodes import Target, TaskFailedError
from playbooks.where import comparing, differences
from tests.custody.ledgers import event, fill
from tests.hosts.fake import FakeHost
from tests.playbooks.conftest import Fab
from tests.weights.keys import make_owner


@pytest.fixture
def home(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return make_owner(tmp_path)


@pytest.fixture
def manifest(home: Store, tmp_path: Path) -> Manifest:
    (tmp_path / "f").write_bytes(bytes(5_000_000))
    manifest = Manifest(
        Kind.WEIGHTS, "glm", "a/f", (home.add(tmp_path / "f", "a/f", lambda _size: None),)
    )
    home.declare(manifest)
    return manifest


def test_a_set_is_signed_and_then_told_by_whom(
    fab: Fab, home: Store, manifest: Manifest, owner: Owner
) -> None:
    said = fab("weights.sign", "glm", "--store", home.place, "--owner", str(owner.key)).must()
    assert said.lines == [f"glm: signed by {owner.fingerprint}"]
    assert (
        "expected engine named glm, found none"
        in fab("engine.sign", "glm", "--store", home.place, "--owner", str(owner.key)).must(1).err
    )


def test_signing_without_a_key_says_where_to_name_one(
    fab: Fab, home: Store, manifest: Manifest
) -> None:
    refused = fab("weights.sign", "glm", "--store", home.place).must(1)
    assert "freehold:owner: expected an SSH public key to sign by, found none" in refused.err


def test_the_torrent_of_a_set_is_written_and_its_info_hash_said(
    fab: Fab, home: Store, manifest: Manifest, tmp_path: Path
) -> None:
    out = tmp_path / "glm.torrent"
    said = fab("weights.export", "glm", "--out", str(out), "--store", home.place).must()
    info = libtorrent.torrent_info(str(out))
    assert said.lines == [f"{out}: 1 files, info-hash v2 {info.info_hashes().v2}"]


def test_where_each_copy_is_and_was_is_told(fab: Fab, home: Store) -> None:
    fill(home)
    lines = fab("weights.where", "--store", home.place).must().lines
    assert [" ".join(line.split()[:4]) for line in lines] == [
        f"home glm {'a' * 12} put",
        f"ada glm {'a' * 12} wiped",
        f"grace glm {'a' * 12} verified",
    ]
    known = fab("weights.where", "--name", "glm", "--json", "--store", home.place).must().json()
    assert [(copy["place"], copy["is_there"]) for copy in known] == [
        ("home", True),
        ("ada", False),
        ("grace", True),
    ]
    other = fab("weights.where", "--name", "other", "--store", home.place).must()
    assert "has no copy of other yet" in other.out


def test_what_the_owner_did_not_sign_is_told(fab: Fab, home: Store, owner: Owner) -> None:
    record(home, event(Act.PUT, "home"), owner)
    record(home, event(Act.ARRIVED, "ada"))
    said = fab("weights.where", "--store", home.place, "--owner", str(owner.key)).must()
    assert said.lines[-1] == "not signed by the owner: entries 2"


def test_a_changed_ledger_is_refused(fab: Fab, home: Store) -> None:
    fill(home)
    (Path(home.place) / entry_name(3)).unlink()
    refused = fab("weights.where", "--store", home.place).must(1)
    assert "custody/000000003.json: entry 3 is missing" in refused.err


def test_a_report_is_written_checked_and_continued(
    fab: Fab, home: Store, manifest: Manifest, owner: Owner, tmp_path: Path
) -> None:
    of = ("--store", home.place, "--owner", str(owner.key))
    take_in(home, manifest, Act.PUT, owner, origin="a disk")
    old = tmp_path / "old.json"
    made = fab("weights.report", "--out", str(old), *of).must().out
    checked = fab("weights.report", "--check", str(old), "--owner", str(owner.key)).must().out
    assert made.split()[-1] in checked
    assert f"signed by {owner.fingerprint}" in checked
    unasked = fab("weights.report", "--check", str(old)).must().out
    assert "no owner was asked for" in unasked
    record(home, event(Act.ARRIVED, "ada"), owner)
    assert "1 entries more" in fab("weights.report", "--since", str(old), *of).must().out
    (Path(home.place) / entry_name(2)).unlink()
    (Path(home.place) / entry_name(1)).unlink()
    cut = fab("weights.report", "--since", str(old), *of).must(1)
    assert f"{old}: expected entry 1 of the ledger to be" in cut.err
    old.write_text(old.read_text().replace("a disk", "a hub"))
    assert f"{old}" in fab("weights.report", "--check", str(old)).must(1).err


def test_a_page_is_written_with_the_report_that_it_is_of(
    fab: Fab, home: Store, tmp_path: Path
) -> None:
    fill(home)
    out = tmp_path / "report.html"
    digest = fab("weights.report", "--out", str(out), "--store", home.place).must().out.split()[-1]
    assert f"<code>{digest}</code>" in out.read_text()
    beside = fab("weights.report", "--check", str(out.with_suffix(".json"))).must().out
    assert digest in beside
    refused = fab("weights.report", "--out", "report.pdf", "--store", home.place).must(1)
    assert 'expected FILE.json or FILE.html, got "report.pdf"' in refused.err


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{}", None], ids=["no text", "{}", "nothing"])
def test_what_is_no_report_is_refused(fab: Fab, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x.json").write_bytes(content)
    assert "x.json: " in fab("weights.report", "--check", str(tmp_path / "x.json")).must(1).err


CASES = {
    "whole, as said": (Act.ARRIVED, 1, True, None),
    "whole, never recorded": (None, 1, True, "ledger: never there; node: 1 of 1 files proven"),
    "whole, said to be wiped": (Act.WIPED, 1, True, "node: 1 of 1 files proven"),
    "partial": (Act.ARRIVED, 0, True, "node: 0 of 1 files proven"),
    "gone": (Act.VERIFIED, 0, False, "node: nothing"),
    "gone, as said": (Act.WIPED, 0, False, None),
    "never there": (None, 0, False, None),
}


@pytest.mark.parametrize("what", CASES)
def test_what_differs_between_ledger_and_node_is_named(
    home: Store, manifest: Manifest, what: str
) -> None:
    act, proven, is_there, words = CASES[what]
    if act is not None:
        record(home, event(act, "ada", digest=manifest.digest))
    facts = FileSetFacts(frozenset(["a/f"][:proven]), 0, 0, (), is_there)
    known = {copy.latest.event.digest: copy for copy in copies_of(read_ledger(home).entries)}
    lines = list(differences([(manifest, facts)], known))
    assert len(lines) == (words is not None)
    assert all(words in line for line in lines if words)


def test_a_node_is_asked_for_what_the_ledger_says_of_its_machine(
    home: Store, manifest: Manifest
) -> None:
    """This machine itself, where none of it lies."""
    target = Target(FakeHost("ada"), None)
    machine_id = gather(target.host, [BOX])[0].machine_id
    record(home, Event.of(Act.ARRIVED, manifest, "ada", "another machine"))
    assert comparing(home, read_ledger(home), "")(target) == "as the ledger says"
    record(home, Event.of(Act.ARRIVED, manifest, "ada", machine_id))
    with pytest.raises(TaskFailedError, match=r"glm  ledger: arrived .*; node: nothing"):
        comparing(home, read_ledger(home), "glm")(target)
    assert comparing(home, read_ledger(home), "other")(target) == "as the ledger says"
