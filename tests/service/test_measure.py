"""Measuring a server's speed: against the real one, and against ones that say odd things."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import pytest

from freehold.hosts.host import HostError
from freehold.service.client import Client
from freehold.service.measure import measure, prompt_of
from freehold.sizing.measurement import Subject
from freehold.weights.store import Store
from tests.service.local_server import KEY, client_of, serving

SUBJECT = Subject("a box", "a build", "weights", "flags")
CONTEXT_TOKENS = 1024


@pytest.fixture(scope="module")
def real(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The real engine with the small real model."""
    folder = tmp_path_factory.mktemp("real")
    with serving(store, folder, "--ctx-size", str(CONTEXT_TOKENS)) as client:
        yield client


def test_the_real_server_is_measured(real: Client) -> None:
    found = measure(real, KEY, SUBJECT, CONTEXT_TOKENS, load_s=2.5)
    assert found.decode_tokens_per_s > 1
    # A prompt is read in batches, which is faster than token by token.
    assert found.prompt_tokens_per_s > found.decode_tokens_per_s
    assert 200 < found.prompt_tokens < CONTEXT_TOKENS
    assert found.decoded_tokens == 128
    assert found.depth_tokens == found.prompt_tokens
    assert (found.subject, found.load_s) == (SUBJECT, 2.5)
    assert found.taken_at.endswith("+00:00")


def test_a_prompt_that_was_measured_before_is_read_again(real: Client) -> None:
    first, second = (measure(real, KEY, SUBJECT, CONTEXT_TOKENS, budget_s=10) for _ in range(2))
    assert second.prompt_tokens == pytest.approx(first.prompt_tokens, rel=0.5)
    assert second.prompt_tokens > 20


def test_a_small_context_gets_a_small_request(real: Client) -> None:
    found = measure(real, KEY, SUBJECT, 128)
    assert found.prompt_tokens + found.decoded_tokens < 128


def test_a_wrong_key_is_refused(real: Client) -> None:
    with pytest.raises(HostError, match="expected an answer of the model, got: HTTP 401"):
        measure(real, "another-key", SUBJECT, CONTEXT_TOKENS)


class Scripted(ThreadingUnixStreamServer):
    """A server that answers every request alike, and keeps what it was asked."""

    def __init__(self, path: Path, answer: str) -> None:
        self.answer, self.asked = answer, list[dict[str, Any]]()
        super().__init__(str(path), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(json.loads(body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.answer.encode())

    def address_string(self) -> str:
        return "a client"

    def log_message(self, format: str, *args: object) -> None:
        """Not into the test's output."""


def scripted(path: Path, answer: str) -> tuple[Client, Scripted]:
    server = Scripted(path, answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return client_of(path), server


def timings(prompt_per_s: float, decoded_per_s: float) -> str:
    said = {"prompt_n": 32, "prompt_per_second": prompt_per_s}
    said |= {"predicted_n": 4, "predicted_per_second": decoded_per_s}
    return json.dumps({"content": "", "timings": said})


def asked_of(path: Path, prompt_per_s: float, decoded_per_s: float) -> list[tuple[int, int]]:
    """Words and tokens of each request to a server of such a speed."""
    client, server = scripted(path, timings(prompt_per_s, decoded_per_s))
    with server:
        measure(client, KEY, SUBJECT, 8192, budget_s=100)
        server.shutdown()
    return [(len(each["prompt"].split()), each["n_predict"]) for each in server.asked]


def test_a_fast_server_gets_the_whole_request(tmp_path: Path) -> None:
    assert asked_of(tmp_path / "s", 5000, 50) == [(32, 4), (512, 128)]


def test_a_slow_server_gets_what_it_can_do_in_the_time(tmp_path: Path) -> None:
    assert asked_of(tmp_path / "s", 4.0, 0.5) == [(32, 4), (200, 25)]


def test_the_slowest_server_still_gets_a_request_worth_measuring(tmp_path: Path) -> None:
    assert asked_of(tmp_path / "s", 0.1, 0.01)[1] == (32, 8)


@pytest.mark.parametrize(
    "answer", ["{}", '{"timings": null}', '{"timings": {"prompt_n": 1}}', "[]", "no JSON"]
)
def test_a_server_that_says_nothing_of_its_timings_is_an_error(tmp_path: Path, answer: str) -> None:
    client, server = scripted(tmp_path / "s", answer)
    with server:
        with pytest.raises(HostError, match="node-1: expected"):
            measure(client, KEY, SUBJECT, 8192)
        server.shutdown()


def test_a_speed_of_nought_is_no_measurement(tmp_path: Path) -> None:
    client, server = scripted(tmp_path / "s", timings(0.0, 5.0))
    with server:
        with pytest.raises(HostError, match="expected the server's timings"):
            measure(client, KEY, SUBJECT, 8192)
        server.shutdown()


def test_the_prompt_is_the_same_each_time_and_does_not_repeat_itself() -> None:
    words = prompt_of(512).split()
    assert prompt_of(512).split() == words
    assert len(words) == 512
    assert len({tuple(words[i : i + 4]) for i in range(509)}) > 500
