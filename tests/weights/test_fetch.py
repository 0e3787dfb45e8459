"""Fetching a model from the hub, by its real client, when all goes well or is refused at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from freehold.weights.folder import FolderObjects
from freehold.weights.hub import hub_origin
from freehold.weights.manifest import Kind
from freehold.weights.open import create_store
from freehold.weights.origin import FetchError
from freehold.weights.put import PutError
from freehold.weights.staging import staging_of
from freehold.weights.store import Store
from tests.weights.fetching import (
    HASTY,
    SHARD_BYTES,
    Heard,
    contents,
    fetch,
    incoming,
    of_hub,
    shards,
)
from tests.weights.hub_server import COMMIT, NEXT_COMMIT, Fault, HubServer, serving, sha256


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A repository with two quants: one of three shards, one of a single file."""
    files = {"README.md": b"---\nlicense: mit\n---\n", **shards(3), **shards(1, "Q8", "m8")}
    with serving(HubServer(commits={COMMIT: files})) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")


def refusal(hub: HubServer, include: str = "UD-Q2/*", revision: str = "") -> str:
    """The error, before a byte of any file was sent."""
    with pytest.raises(FetchError) as caught:
        of_hub(hub, include, revision)
    assert hub.sent_bytes == 0
    return str(caught.value)


def test_a_quant_of_a_repository_becomes_a_set(hub: HubServer, store: Store) -> None:
    heard = Heard()
    manifest = fetch(store, of_hub(hub), heard=heard)
    wanted = {
        path.rpartition("/")[2]: f for path, f in hub.commits[COMMIT].items() if "UD-Q2" in path
    }
    assert contents(store, manifest) == wanted
    assert manifest.entry == "m-00001-of-00003.gguf"
    assert store.manifest(Kind.WEIGHTS, "m") == manifest
    assert heard.size_bytes == manifest.size_bytes == hub.sent_bytes
    assert incoming(store) == []


def test_the_manifest_says_where_it_is_from(hub: HubServer, store: Store) -> None:
    about = dict(fetch(store, of_hub(hub), note="mine").about)
    fetched = datetime.fromisoformat(about.pop("fetched"))
    assert abs((datetime.now(UTC).date() - fetched.date()).days) <= 1
    assert about == {
        "origin": "hf:owner/model",
        "revision": COMMIT,
        "licence": "mit",
        "architecture": "llama",
        "note": "mine",
    }


def test_a_licence_of_another_name_is_given_by_that(hub: HubServer) -> None:
    hub.card = {"license": "other", "license_name": "glm-5"}
    assert of_hub(hub).about["licence"] == "glm-5"


def test_the_branch_is_pinned_to_its_commit_before_the_first_byte(
    hub: HubServer, store: Store
) -> None:
    origin = of_hub(hub)
    old = hub.commits[COMMIT]
    hub.commits[NEXT_COMMIT], hub.branch = shards(3), NEXT_COMMIT
    manifest = fetch(store, origin)
    assert manifest.about["revision"] == COMMIT
    assert {sha256(f) for f in old.values()} > {file.sha256 for file in manifest.files}
    resolved = [path for _, path, _ in hub.requests if "/resolve/" in path]
    assert resolved
    assert all(f"/resolve/{COMMIT}/" in path for path in resolved)


def test_a_commit_can_be_asked_for(hub: HubServer) -> None:
    hub.commits[NEXT_COMMIT] = shards(3)
    assert of_hub(hub, revision=f"@{NEXT_COMMIT}").about["revision"] == NEXT_COMMIT


def test_the_token_goes_to_the_hub_and_to_nobody_else(
    hub: HubServer, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    origin = of_hub(hub)
    assert "hf_secret" not in repr(origin)
    elsewhere = HubServer(commits=hub.commits)
    with serving(elsewhere):
        hub.location = elsewhere.url
        manifest = fetch(store, origin)
    sent = [{name.lower(): value for name, value in h.items()} for _, _, h in elsewhere.requests]
    assert len(sent) == 3
    assert not any("authorization" in headers for headers in sent)
    assert "hf_secret" not in manifest.to_json()


def test_a_private_repository_says_what_it_takes(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "hf_other"
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    error = refusal(hub)
    assert "hf:owner/model: expected the hub's list of files, got HTTP 401 RepoNotFound" in error
    assert "HF_TOKEN" in error
    assert "hf_wrong" not in error


@pytest.mark.parametrize(
    ("revision", "include", "words"),
    [
        ("@gone", "UD-Q2/*", "got no revision gone"),
        ("", "IQ1/*", "expected GGUF files that match IQ1/*, found none of 4"),
        ("", "", "expected the files of one model, found those of 2"),
        ("", "*0000[12]-of-00003.gguf", "expected 3 shards, found 2: this one is missing"),
    ],
)
def test_what_is_not_one_whole_model_is_refused_first(
    hub: HubServer, revision: str, include: str, words: str
) -> None:
    assert words in refusal(hub, include, revision)


def test_the_quants_to_choose_from_are_named(hub: HubServer) -> None:
    assert "Hint: choose one by --include, such as 'Q8/*' or 'UD-Q2/*'" in refusal(hub, "")


def test_every_shard_that_the_repository_lacks_is_named(hub: HubServer) -> None:
    for number in (1, 3):
        del hub.commits[COMMIT][f"UD-Q2/m-0000{number}-of-00003.gguf"]
    error = refusal(hub)
    assert re.findall(r"hf:owner/model/UD-Q2/(\S+):", error) == [
        "m-00001-of-00003.gguf",
        "m-00003-of-00003.gguf",
    ]


@pytest.mark.parametrize("name", ["m q.gguf", "..gguf", "-m\n.gguf", "m\u202e.gguf"])
def test_a_name_that_no_set_may_have_is_refused(hub: HubServer, name: str) -> None:
    hub.commits[COMMIT] = {f"UD-Q2/{name}": b"GGUF"}
    assert "expected a name of letters, digits" in refusal(hub)


def test_a_path_that_leads_elsewhere_keeps_its_last_part_alone(hub: HubServer) -> None:
    (content,) = shards(1).values()
    hub.commits[COMMIT] = {"../../../etc/m.gguf": content}
    assert [file.name for file in of_hub(hub, "").files] == ["m.gguf"]


def test_a_file_without_a_declared_hash_is_refused(hub: HubServer) -> None:
    hub.declared = dict.fromkeys(hub.commits[COMMIT])
    error = refusal(hub)
    assert error.count("expected a size and a SHA-256 that the hub declares, found none") == 3


@pytest.mark.parametrize("text", ["hf:", "hf:model", "hf:a/b@", "hf:../b", "hf:a/b c", "hf:a/b@-x"])
def test_what_names_no_repository_is_refused(hub: HubServer, text: str) -> None:
    with pytest.raises(FetchError, match="expected hf:OWNER/REPO or"):
        hub_origin(text, [], HASTY, [].append, hub.url)
    assert hub.requests == []


def test_what_the_store_has_is_not_fetched_again(hub: HubServer, store: Store) -> None:
    fetch(store, of_hub(hub), "one")
    (changed, *_), before = sorted(shards(3)), hub.sent_bytes
    hub.commits[NEXT_COMMIT] = hub.commits[COMMIT] | {changed: shards(3)[changed]}
    hub.branch = NEXT_COMMIT
    heard = Heard()
    manifest = fetch(store, of_hub(hub), "two", heard)
    size = len(hub.commits[NEXT_COMMIT][changed])
    assert hub.sent_bytes - before == size
    assert heard.size_bytes == manifest.size_bytes > 3 * SHARD_BYTES


def test_what_the_store_has_damaged_is_fetched_and_mended(hub: HubServer, store: Store) -> None:
    manifest = fetch(store, of_hub(hub))
    path = store.path_of(manifest.files[1])
    assert path is not None
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(damaged)
    before = hub.sent_bytes
    fetch(store, of_hub(hub))
    assert hub.sent_bytes - before == manifest.files[1].size_bytes
    assert len(contents(store, manifest)) == 3


def test_a_model_that_is_none_is_not_named(hub: HubServer, store: Store) -> None:
    hub.commits[COMMIT] = {"UD-Q2/m.gguf": b"PK\3\4" + bytes(1000)}
    with pytest.raises(PutError, match="expected a GGUF file"):
        fetch(store, of_hub(hub))
    assert store.set_names(Kind.WEIGHTS) == []


def test_two_fetches_of_one_set_at_once_are_refused(hub: HubServer, store: Store) -> None:
    with staging_of(store, "m"):
        with pytest.raises(FetchError, match="found another fetch of it under way"):
            fetch(store, of_hub(hub))
        fetch(store, of_hub(hub), "other")
    fetch(store, of_hub(hub))


def test_a_hub_that_is_busy_is_asked_again(hub: HubServer) -> None:
    hub.faults["api"] = [Fault(status=503), Fault(status=429)]
    assert len(of_hub(hub).files) == 3


def test_a_hub_that_stays_busy_is_given_up(hub: HubServer) -> None:
    hub.faults["api"], hub.for_ever = [Fault(status=503)], True
    assert "got HTTP 503, 3 times in a row" in refusal(hub)
    assert len(hub.requests) == 3


class Elsewhere(FolderObjects):
    """Objects that do not lie on this machine."""

    def local_path(self, _name: str) -> None:  # type: ignore[override]
        return None


def test_for_a_store_elsewhere_files_come_into_the_users_cache(
    hub: HubServer, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    far, folder = Store(Elsewhere(Path(store.place))), tmp_path / "home/.cache/freehold/incoming/m"
    paths: list[Path] = []
    hub.on_request = lambda _path: paths.extend(folder.glob("*.partial"))
    manifest = fetch(far, of_hub(hub))
    assert paths
    assert not folder.exists()
    assert len(contents(store, manifest)) == 3
