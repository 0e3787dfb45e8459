"""Fetching from any HTTP server: what is pinned, what changes meanwhile, what is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.errors import FreeholdError
from freehold.weights.manifest import Kind
from freehold.weights.open import create_store
from freehold.weights.origin import FetchError, Origin
from freehold.weights.store import Store
from freehold.weights.url_origin import url_origin
from tests.gguf.http_server import FileServer, serving_tls
from tests.weights.fetching import HASTY, Heard, contents, fetch, incoming, model_file, shards
from tests.weights.hub_server import Fault, HubServer, serving, sha256

SOME = 1_500_000
PATH = "/models/m.gguf"


@pytest.fixture
def server() -> Iterator[HubServer]:
    files = {f"/models/{path}": content for path, content in shards(3, "s").items()}
    with serving(HubServer(files={PATH: model_file(), **files})) as serves:
        yield serves


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")


def origin_of(server: HubServer, *paths: str, sha256s: tuple[str, ...] = ()) -> Origin:
    urls = [f"{server.url}{path}" for path in paths or (PATH,)]
    return url_origin(urls, list(sha256s), HASTY, [].append)


def refusal(store: Store, origin: Origin) -> str:
    with pytest.raises(FetchError) as caught:
        fetch(store, origin)
    assert store.set_names(Kind.WEIGHTS) == []
    return str(caught.value)


def test_a_file_becomes_a_set_that_says_that_nobody_declared_its_hash(
    server: HubServer, store: Store
) -> None:
    manifest = fetch(store, origin_of(server))
    assert contents(store, manifest) == {"m.gguf": server.files[PATH]}
    assert manifest.about["origin"] == f"{server.url}{PATH}"
    assert manifest.about["sha256"] == "not declared by the origin"
    assert incoming(store) == []


def test_one_shard_stands_for_all_beside_it_with_the_same_query(
    server: HubServer, store: Store
) -> None:
    origin = origin_of(server, "/models/s/m-00002-of-00003.gguf?key=secret")
    manifest = fetch(store, origin)
    assert [file.path for file in manifest.files] == [f"m-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    assert all(path.endswith("?key=secret") for _, path, _ in server.requests)
    assert "secret" not in manifest.to_json() + repr(origin)


def test_shards_may_be_given_each_by_its_url_in_any_order(server: HubServer, store: Store) -> None:
    paths = sorted((path for path in server.files if "/s/" in path), reverse=True)
    hashes = tuple(sha256(server.files[path]) for path in paths)
    manifest = fetch(store, origin_of(server, *paths, sha256s=hashes))
    assert manifest.entry == "m-00001-of-00003.gguf"
    assert "sha256" not in manifest.about


def test_a_shard_that_the_server_lacks_is_named(server: HubServer) -> None:
    del server.files["/models/s/m-00003-of-00003.gguf"]
    with pytest.raises(FetchError) as caught:
        origin_of(server, "/models/s/m-00001-of-00003.gguf")
    expected = f"{server.url}/models/s/m-00003-of-00003.gguf: expected the file, got HTTP 404"
    assert str(caught.value).startswith(expected)


def test_a_wrong_file_is_refused_by_the_hash_that_was_given(
    server: HubServer, store: Store
) -> None:
    origin = origin_of(server, sha256s=("e" * 64,))
    assert f"{server.url}{PATH}: expected sha256 {'e' * 64}" in refusal(store, origin)
    assert incoming(store) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("E" * 64,), "expected 64 digits of 0-9a-f"),
        (("e" * 64, "e" * 64), "expected one for each of 1 files, got 2"),
    ],
)
def test_hashes_that_are_none_are_refused(
    server: HubServer, given: tuple[str, ...], words: str
) -> None:
    with pytest.raises(FetchError, match=words):
        origin_of(server, sha256s=given)


@pytest.mark.parametrize("how", ["cut", "stall"])
def test_an_answer_that_breaks_off_goes_on_if_it_is_the_same_version(
    server: HubServer, store: Store, how: str
) -> None:
    origin = origin_of(server)
    server.faults[PATH] = [Fault(how, SOME)]
    fetch(store, origin)
    last = server.requests[-1][2]
    assert last["Range"] == f"bytes={SOME}-{len(server.files[PATH]) - 1}"
    assert last["If-Range"] == f'"{sha256(server.files[PATH])}"'
    assert server.sent[PATH] == len(server.files[PATH]) + 1


def test_a_later_fetch_goes_on_if_it_is_the_same_version(server: HubServer, store: Store) -> None:
    origin = origin_of(server)
    server.faults[PATH], server.for_ever = [Fault("cut", SOME), Fault(status=503)], True
    assert "what came is kept in" in refusal(store, origin)
    server.faults, before = {}, server.sent[PATH]
    fetch(store, origin_of(server))
    assert server.sent[PATH] - before == len(server.files[PATH]) - SOME + 1


def test_a_file_that_changes_meanwhile_is_an_error_and_begun_anew(
    server: HubServer, store: Store
) -> None:
    origin = origin_of(server)
    old, new = server.files[PATH], model_file()
    assert len(old) == len(new)
    server.faults[PATH] = [Fault("cut", SOME)]
    asked = []

    def change(_path: str) -> None:
        asked.append(1)
        if len(asked) == 2:
            server.files[PATH] = new

    server.on_request = change
    assert "another version of the file: it changed on the server" in refusal(store, origin)
    server.on_request = lambda _path: None
    manifest = fetch(store, origin_of(server))
    assert contents(store, manifest) == {"m.gguf": new}


def test_a_file_whose_versions_cannot_be_told_apart_is_never_put_together_of_two(
    server: HubServer, store: Store
) -> None:
    server.etags[PATH] = None
    origin = origin_of(server)
    server.faults[PATH] = [Fault("cut", SOME)]
    heard = Heard()
    manifest = fetch(store, origin, heard=heard)
    whole = f"bytes=0-{len(server.files[PATH]) - 1}"
    assert server.asked(PATH) == ["bytes=0-0", whole, whole]
    assert contents(store, manifest) == {"m.gguf": server.files[PATH]}
    assert heard.size_bytes == manifest.size_bytes


@pytest.mark.parametrize(
    "url", ["https://h/m.bin", "ftp://h/m.gguf", "https://h/", "https://[h/m.gguf", "m.gguf"]
)
def test_what_is_no_url_of_a_gguf_file_is_refused(url: str) -> None:
    with pytest.raises(FetchError, match=r"expected https://HOST/PATH\.gguf"):
        url_origin([url], [], HASTY, [].append)


def test_a_port_that_nobody_listens_at_is_said() -> None:
    with pytest.raises(FetchError, match="Connection refused, 3 times in a row"):
        url_origin(["http://127.0.0.1:1/m.gguf"], [], HASTY, [].append)


def test_a_certificate_that_is_not_trusted_is_refused_at_once(tmp_path: Path) -> None:
    files = FileServer({PATH: b"GGUF"})
    with serving_tls(files, tmp_path), pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED"):
        url_origin([files.url(PATH)], [], HASTY, [].append)
    assert files.requests == []


def test_a_redirect_leads_from_https_to_https_alone(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = FileServer({PATH: model_file()})
    with serving_tls(files, tmp_path) as certificate:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        files.redirects = {"/a.gguf": files.url(PATH), "/b.gguf": f"{server.url}{PATH}"}
        (file,) = url_origin([files.url("/a.gguf")], [], HASTY, [].append).files
        assert file.size_bytes == len(files.files[PATH])
        with pytest.raises(FreeholdError, match="expected a redirect to https, got one to http:"):
            url_origin([files.url("/b.gguf")], [], HASTY, [].append)
    assert server.requests == []
