"""A header behind a URL: few requests, few bytes, and what a server may do wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.gguf.error import GgufError
from freehold.gguf.http import HttpSource
from freehold.gguf.prefix import FIRST_BYTES, STEP_BYTES_MAX
from freehold.gguf.read import read_model
from freehold.gguf.shard import read_shard
from tests.deadline import in_time
from tests.gguf.files import F32, header, large_header, pair, shard, tensor, with_data
from tests.gguf.http_server import FileServer, serving, serving_tls

MIB = 1 << 20
SMALL = with_data(header([pair("x", 1)], [tensor("t", (1024, 1024), F32, 0)]), bytes(4 * MIB))


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer({"/m.gguf": SMALL})) as running:
        yield running


@pytest.fixture
def other() -> Iterator[FileServer]:
    with serving(FileServer({"/m.gguf": SMALL})) as running:
        yield running


def refusal(server: FileServer, path: str = "/m.gguf") -> str:
    with pytest.raises(GgufError) as caught:
        read_shard(HttpSource(server.url(path)))
    assert str(caught.value).startswith(server.url(path.partition("?")[0]))
    return str(caught.value)


def test_a_short_header_takes_one_short_request(server: FileServer) -> None:
    found = read_shard(HttpSource(server.url("/m.gguf")))
    assert (found.metadata, found.size_bytes) == ({"x": 1}, len(SMALL))
    # The server counts a part once it is sent: the reader may be quicker.
    assert in_time(lambda: server.sent_bytes >= FIRST_BYTES)
    assert (len(server.requests), server.sent_bytes) == (1, FIRST_BYTES)


def test_a_header_as_long_as_glms_takes_a_handful_of_requests(server: FileServer) -> None:
    server.files["/m.gguf"] = with_data(large_header(), bytes(32 * MIB))
    found = read_shard(HttpSource(server.url("/m.gguf")))
    assert len(found.tensors) == 1809
    assert len(server.requests) <= 5
    assert server.sent_bytes < len(large_header()) + STEP_BYTES_MAX


def test_all_shards_of_a_model_are_found_from_the_first(server: FileServer) -> None:
    names = [f"/r/Q%204/m-{n:05d}-of-00003.gguf" for n in (1, 2, 3)]
    server.files = {name: shard(n, 3) for n, name in enumerate(names, 1)}
    header = read_model(server.url(names[0]) + "?download=true")
    assert [tensor.name for tensor in header.tensors] == [
        f"blk.{n}.{k}" for n in (2, 3) for k in (0, 1)
    ]
    assert header.place == server.url(names[0])
    assert sorted(path for path, _ in server.requests) == [f"{n}?download=true" for n in names]


def test_every_shard_that_is_missing_is_named(server: FileServer) -> None:
    names = [f"/m-{n:05d}-of-00003.gguf" for n in (1, 2, 3)]
    server.files = {names[0]: shard(1, 3)}
    with pytest.raises(GgufError) as caught:
        read_model(server.url(names[0]))
    assert [str(problem) for problem in caught.value.problems] == [
        f"{server.url(name)}: expected the file, got HTTP 404 Not Found" for name in names[1:]
    ]


@pytest.mark.parametrize("says_length", [True, False])
def test_a_server_without_ranges_is_read_from_the_begin(
    server: FileServer, says_length: bool
) -> None:
    server.knows_ranges, server.says_length = False, says_length
    large = with_data(large_header(), bytes(64 * MIB))
    server.files["/m.gguf"] = large
    found = read_shard(HttpSource(server.url("/m.gguf")))
    assert len(found.tensors) == 1809
    assert len(server.requests) <= 5
    # What lies in the sockets' buffers when we hang up is counted as sent.
    assert server.sent_bytes < len(large)
    # The whole size is only known where the server tells it.
    assert (found.size_bytes == len(large)) is says_length


def test_a_body_that_is_cut_short_is_asked_for_again(server: FileServer) -> None:
    server.cut_after_bytes = FIRST_BYTES // 2
    assert read_shard(HttpSource(server.url("/m.gguf"))).metadata == {"x": 1}
    assert len(server.requests) == 2


def test_a_body_that_is_cut_short_each_time_is_an_error(server: FileServer) -> None:
    server.cut_after_bytes = 1000
    words = f"expected {FIRST_BYTES} bytes from byte 0, got 3000: cut off each time"
    assert words in refusal(server)
    assert len(server.requests) == 3


def test_a_file_that_is_too_short_is_not_asked_for_again(server: FileServer) -> None:
    server.files["/m.gguf"] = SMALL[:40]
    assert "found 40 bytes, which its header exceeds: it is cut short" in refusal(server)
    assert len(server.requests) == 1


def test_an_empty_file_is_refused(server: FileServer) -> None:
    server.files["/m.gguf"] = b""
    assert "expected a GGUF file, found one that begins b''" in refusal(server)


def test_a_file_that_changes_while_it_is_read_is_an_error(server: FileServer) -> None:
    source = HttpSource(server.url("/m.gguf"))
    source.read(0, 10)
    server.files["/m.gguf"] = SMALL + b"x"
    with pytest.raises(GgufError, match="it changed meanwhile"):
        source.read(10, 10)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_refusal_is_told_with_its_status(server: FileServer, status: int) -> None:
    server.status = status
    words = refusal(server, "/m.gguf?X-Amz-Signature=secret")
    assert f"got HTTP {status} " in words
    assert "secret" not in words
    assert ("it takes a token" in words) is (status in (401, 403))


def test_a_server_that_is_not_there_is_an_error() -> None:
    with serving(FileServer()) as gone:
        pass
    assert "Connection refused" in refusal(gone)


@pytest.mark.parametrize("url", ["http://", "http://[::1/m.gguf", "http://x:y/m.gguf"])
def test_what_is_no_url_is_an_error(url: str) -> None:
    with pytest.raises(GgufError):
        read_model(url)


def test_redirects_are_followed_once(server: FileServer, other: FileServer) -> None:
    server.redirects["/old.gguf"] = other.url("/m.gguf?signed=1")
    other.files["/m.gguf"] = with_data(large_header(), bytes(MIB))
    assert len(read_shard(HttpSource(server.url("/old.gguf"))).tensors) == 1809
    assert len(server.requests) == 1
    assert {path for path, _ in other.requests} == {"/m.gguf?signed=1"}


@pytest.mark.parametrize("to", ["/old.gguf", "ftp://127.0.0.1/m.gguf", "file:///etc/passwd"])
def test_a_redirect_that_leads_nowhere_is_an_error(server: FileServer, to: str) -> None:
    server.redirects["/old.gguf"] = to
    assert "expected" in refusal(server, "/old.gguf")


def test_over_tls_no_redirect_leads_to_plain_http(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redirects = {"/old.gguf": "/m.gguf", "/plain.gguf": server.url("/m.gguf")}
    secure = FileServer({"/m.gguf": SMALL}, redirects)
    with serving_tls(secure, tmp_path) as certificate:
        assert "certificate verify failed" in refusal(secure)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert read_shard(HttpSource(secure.url("/old.gguf"))).metadata == {"x": 1}
        words = f"expected a redirect to https, got one to {server.url('/m.gguf')}"
        assert words in refusal(secure, "/plain.gguf")
    assert server.requests == []


def test_a_token_goes_to_its_own_server_alone(server: FileServer, other: FileServer) -> None:
    server.token = "hf_secret"
    server.redirects |= {"/moved.gguf": "/m.gguf", "/away.gguf": other.url("/m.gguf")}
    for path in ("/m.gguf", "/moved.gguf", "/away.gguf"):
        source = HttpSource(server.url(path), "hf_secret")
        source.read(0, 10)
        source.read(10, 10)
    assert all(headers["Authorization"] == "Bearer hf_secret" for _, headers in server.requests)
    assert len(other.requests) == 2
    assert not any("Authorization" in headers for _, headers in other.requests)


def test_a_token_is_in_no_error(server: FileServer) -> None:
    server.status = 403
    with pytest.raises(GgufError) as caught:
        read_model(server.url("/m.gguf"), token="hf_secret")
    assert "hf_secret" not in str(caught.value)
