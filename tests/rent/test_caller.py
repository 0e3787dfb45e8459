"""This machine's public address, as somebody else sees it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from freehold.errors import FreeholdError
from freehold.rent.caller import caller_network

Says = Callable[[bytes, int], str]


@pytest.fixture
def says() -> Iterator[Says]:
    """The URL of a server on loopback that answers so."""
    made: list[tuple[HTTPServer, threading.Thread]] = []

    def make(body: bytes, status: int) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        made.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield make
    for server, thread in made:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("body", "network"),
    [(b"8.8.4.4\n", "8.8.4.4/32"), (b"2001:4860:4860::8888", "2001:4860:4860::8888/128")],
)
def test_the_network_is_that_of_one_address(says: Says, body: bytes, network: str) -> None:
    assert caller_network(says(body, 200)) == network


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"<html>Sign in to the hotel's network</html>", 200, "expected an address"),
        (b"", 200, "expected an address"),
        (b"10.1.2.3", 200, "expected a public address"),
        (b"0.0.0.0/0", 200, "expected an address"),
        (b"127.0.0.1", 200, "expected a public address"),
        (b"8.8.4.4", 503, "503"),
        (b"\xff\xfe" * 10_000, 200, "expected an address"),
    ],
)
def test_what_is_no_public_address_opens_nothing(
    says: Says, body: bytes, status: int, said: str
) -> None:
    with pytest.raises(FreeholdError) as raised:
        caller_network(says(body, status))
    assert said in str(raised.value)
    assert "open_to" in str(raised.value)
    assert len(str(raised.value)) < 500


def test_nobody_there_is_an_error_with_the_way_out() -> None:
    with pytest.raises(FreeholdError, match="open_to"):
        caller_network("http://127.0.0.1:9", timeout_s=1.0)
