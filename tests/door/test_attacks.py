"""A scripted attacker at the door: nothing leaks, and whoever has a key is answered all along."""

from __future__ import annotations

import contextlib
import socket
import ssl
import statistics
import threading
import time
import warnings
from collections.abc import Iterator

import pytest

from freehold import lab
from tests.door.visitor import Visitor
from tests.infra.on_box import on
from tests.infra.stack import Stack

PATHS = r"""
/slots /props /metrics /slots/0?action=save /lora-adapters /tokenize /infill /completion / /v1 /v1/
/index.html /v1/completions/ //slots /./slots /v1/../slots /v1/%2e%2e/slots /%2e%2e/slots
/v1/models/..;/slots /v1/models/../../props /V1/MODELS /v1/models%00 /v1/models%2f..%2f..%2fslots
/health/../slots /health?x=/slots /v1//completions /v1/completions%20 /v1/embeddings/.. /\slots
/v1/chat/completions/../../../slots http://127.0.0.1:8080/slots * /v1/models#/slots
/health%23/../slots
""".split()  # noqa: SIM905 - it is read as lines
OF_THE_SERVER = (b"n_ctx", b"default_generation_settings", b"llamacpp:", b"total_slots",
                 b"is_processing", b"does not support")  # fmt: skip
"""What its own endpoints say, those that are off among them."""


def wire(text: str) -> bytes:
    """A request as it is sent: each line ends as HTTP's do, but for those with a bare "|"."""
    return text.replace("\n", "\r\n").replace("|", "\n").encode()


SMUGGLED = wire("GET /slots HTTP/1.1\nHost: x\n\n")
POST = "POST /v1/completions HTTP/1.1\nHost: x\n"
GET = "GET /health HTTP/1.1\nHost: x\n"
SMUGGLINGS = tuple(
    map(
        wire,
        (
            f"{POST}Content-Length: 4\nTransfer-Encoding: chunked\n\n0\n\n",
            f"{POST}Transfer-Encoding: chunked\n\n0\n\n",
            f"{POST}Transfer-Encoding : chunked\nContent-Length: 3\n\nabc",
            f"{POST}Content-Length: 0\nContent-Length: 40\n\n",
            f"{POST}Content-Length: -1\n\n",
            f"{POST}Content-Length: 3||abc",
            f"{GET}Content-Length: 36\n\n",
            f"{GET}Connection: Upgrade\nUpgrade: h2c\n\n",
            "PRI * HTTP/2.0\n\nSM\n\n",
            "CONNECT 127.0.0.1:8080 HTTP/1.1\nHost: 127.0.0.1:8080\n\n",
            f"{GET}X: a\n b\n\n",
            "GET /health HTTP/1.0|X||",
        ),
    )
)


@pytest.fixture(scope="module")
def door(stack: Stack, door_box: lab.Box) -> Visitor:
    stack.config["door"] = {"connections_per_address": 50, "body_limit_kib": 64}
    stack.write()
    stack.up().must()
    found = stack.outputs()
    return Visitor(door_box.address, 8443, found["ca_certificate"], found["api_key"])


@pytest.fixture
def stranger(door: Visitor) -> Visitor:
    return Visitor(door.address, door.port, door.ca)


@contextlib.contextmanager
def answered(door: Visitor, box: lab.Box) -> Iterator[list[float]]:
    """Somebody with a key, from another address, who must be answered all the while; the seconds
    that each answer took."""
    script = (
        f"printf '%s' '{door.ca}' >/tmp/ca.pem\n"
        f"python3 - <<'.'\n{GOOD_CLIENT.format(key=door.key)}.\n"
    )
    took: list[float] = []

    def run() -> None:
        took.extend(float(word) for word in on(box, script).split())

    on(box, "rm -f /tmp/enough")
    client = threading.Thread(target=run)
    client.start()
    try:
        yield took
    finally:
        on(box, "touch /tmp/enough")
        client.join(120)
        assert not client.is_alive()
    assert len(took) >= 3
    assert all(seconds > 0 for seconds in took), f"not answered: {took}"


GOOD_CLIENT = """
import json, os, ssl, time
from http.client import HTTPSConnection
context = ssl.create_default_context(cafile="/tmp/ca.pem")
body = json.dumps(dict(prompt="The", max_tokens=1))
headers = {{"Authorization": "Bearer {key}", "Content-Type": "application/json"}}
count = 0
while count < 3 or not os.path.exists("/tmp/enough"):
    began = time.monotonic()
    try:
        connection = HTTPSConnection("127.0.0.1", 8443, timeout=30, context=context)
        connection.request("POST", "/v1/completions", body, headers)
        ok = connection.getresponse().status == 200
        connection.close()
    except OSError:
        ok = False
    print(time.monotonic() - began if ok else -1)
    count += 1
"""


def said(door: Visitor, sent: bytes) -> bytes:
    """All that comes back until the other side closes, or says nothing for a second."""
    answer = b""
    with contextlib.suppress(OSError), door.raw(timeout_s=1) as connection:
        connection.sendall(sent)
        while part := connection.recv(65536):
            answer += part
    return answer


def test_those_words_are_the_servers_own(door: Visitor, door_box: lab.Box) -> None:
    """Asked on its loopback, past the door."""
    ask = (
        "python3 - <<'.'\nfrom http.client import HTTPConnection\n"
        "connection = HTTPConnection('127.0.0.1', 8080)\n"
        f"connection.request('GET', '/slots', headers={{'Authorization': 'Bearer {door.key}'}})\n"
        "print(connection.getresponse().read().decode())\n.\n"
    )
    answer = on(door_box, ask).encode()
    assert any(word in answer for word in OF_THE_SERVER), answer


@pytest.mark.parametrize("key", ["none", "wrong", "right"])
def test_no_path_but_the_apis_leads_to_the_server(
    door: Visitor, stranger: Visitor, key: str
) -> None:
    """Not even for whoever has a key: the server's own state is nobody's business."""
    word = {"none": "", "wrong": "wrong", "right": door.key}[key]
    shown = f"Authorization: Bearer {word}\nContent-Length: 0\nConnection: close\n\n"
    for path in PATHS:
        for method in ("GET", "POST"):
            answer = said(stranger, wire(f"{method} {path} HTTP/1.1\nHost: x\n{shown}"))
            status = answer.split(b" ", 2)[1:2]
            assert status != [b"200"] or path.startswith("/health?"), (method, path, answer)
            assert not any(word in answer for word in OF_THE_SERVER), (method, path, answer)


def test_no_request_is_smuggled_behind_another(stranger: Visitor, door: Visitor) -> None:
    for first in SMUGGLINGS:
        answer = said(stranger, first + SMUGGLED)
        assert not any(word in answer for word in OF_THE_SERVER), (first, answer)
    key = f"Authorization: Bearer {door.key}\r\n".encode()
    for first in SMUGGLINGS:
        head, _, rest = first.partition(b"\r\n")
        answer = said(stranger, head + b"\r\n" + key + rest + SMUGGLED)
        assert not any(word in answer for word in OF_THE_SERVER), (first, answer)


def test_a_strangers_headers_do_not_make_them_known(stranger: Visitor, door: Visitor) -> None:
    for headers in (
        {"Authorization": f"Basic {door.key}"},
        {"Authorization": door.key},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"x-api-key": ""},
        {"X-Key-Name": "owner"},
        {"Authorization": "Bearer owner"},
        {"Authorization": f"Bearer {door.key[:-1]}"},
        {"Authorization": f"Bearer {door.key}x"},
    ):
        assert stranger.request("GET", "/v1/models", headers=headers).status == 401, headers
    twice = f"Authorization: Bearer {door.key}\nAuthorization: Bearer x\n\n"
    asked = wire(f"GET /v1/models HTTP/1.1\nHost: x\n{twice}")
    assert said(stranger, asked).split(b" ", 2)[1] == b"401"


def test_what_is_too_large_or_no_json_is_refused_and_nothing_ends(
    door: Visitor, door_box: lab.Box
) -> None:
    with answered(door, door_box):
        large = {"prompt": "x" * 100_000, "max_tokens": 1}
        assert door.request("POST", "/v1/completions", large).status == 413
        for body in (
            '{"prompt": ',
            "[]",
            "null",
            '"' + "[" * 50_000,
            "\x00",
            '{"prompt": {"a": 1}}',
        ):
            connection = door.connection()
            connection.request(
                "POST", "/v1/completions", body, {"Authorization": f"Bearer {door.key}"}
            )
            assert 400 <= connection.getresponse().status < 600, body
            connection.close()


def test_what_is_no_tls_gets_nothing(door: Visitor, door_box: lab.Box) -> None:
    with answered(door, door_box):
        for sent in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\xff\xff" + b"\x00" * 500,
            b"\x80" * 64,
        ):
            with (
                contextlib.suppress(OSError),
                socket.create_connection((door.address, door.port), 5) as plain,
            ):
                plain.settimeout(2)
                plain.sendall(sent)
                answer = plain.recv(4096)
                assert answer[:1] in (b"", b"\x15"), answer  # a TLS alert at most
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is old is the point
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with (
            socket.create_connection((door.address, door.port), 5) as plain,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            old.wrap_socket(plain)


def test_one_address_holds_no_more_than_its_connections(door: Visitor, door_box: lab.Box) -> None:
    """And whoever comes from another is answered beside them."""
    held: list[socket.socket] = []
    with answered(door, door_box), contextlib.ExitStack() as all_of_them:
        for _ in range(300):
            with contextlib.suppress(OSError):
                connection = socket.create_connection((door.address, door.port), 5)
                held.append(all_of_them.enter_context(connection))
        open_there = on(door_box, f"ss -Htn state established 'sport = :{door.port}' | wc -l")
        assert int(open_there) <= 50 + 5


def test_whoever_sends_slowly_costs_nobody_else_an_answer(door: Visitor, door_box: lab.Box) -> None:
    with answered(door, door_box) as alone:
        pass
    with answered(door, door_box) as beside, contextlib.ExitStack() as all_of_them:
        slow = [all_of_them.enter_context(door.raw()) for _ in range(40)]
        for connection in slow:
            connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Le")
        until_s = time.monotonic() + 14
        ended = 0
        while time.monotonic() < until_s and ended < len(slow):
            ended = sum(_is_closed(connection) for connection in slow)
        assert ended == len(slow)  # each is sent away after ten seconds
    assert statistics.median(beside) < 5 * statistics.median(alone) + 0.5


def _is_closed(connection: ssl.SSLSocket) -> bool:
    connection.settimeout(0.05)
    try:
        return connection.recv(4096) == b"" or _is_closed(connection)
    except TimeoutError:
        return False
    except OSError:
        return True


def test_the_server_is_the_same_process_as_before(door: Visitor, door_box: lab.Box) -> None:
    """After all of it nothing has crashed."""
    for unit in ("freehold-door.service", "llama-server.service"):
        assert on(door_box, f"systemctl show -p NRestarts --value {unit}").strip() == "0"
    assert door.ask().status == 200
