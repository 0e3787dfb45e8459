"""A server of ranges that answers wrongly where it is told to, and counts what it sent."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "X-Amz-Signature=5ec3e7"
RESET, CLOSE, STALL = "reset", "close", "stall"


@dataclass(frozen=True)
class Asked:
    """`number` counts the requests from 0; `url` is the query's `url=`, of one that is renewed."""

    number: int
    path: str
    first: int
    url: str
    has_etag: bool


@dataclass
class Answer:
    """What is sent: `cut` is what happens after `cut_at` bytes of the body."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: str = ""
    cut_at: int = 0


Fault = Callable[[Answer], None]


@dataclass
class RangeServer:
    """`files` by path; `fault` makes of an honest answer what is sent instead."""

    files: dict[str, bytes]
    fault: Callable[[Asked], Fault | None] = lambda _asked: None
    asked: list[Asked] = field(default_factory=list)
    sent_bytes: int = 0
    port: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str, url: str = "first") -> str:
        return f"http://127.0.0.1:{self.port}/{path}?url={url}&{SECRET}"


@contextmanager
def ranges(files: dict[str, bytes]) -> Iterator[RangeServer]:
    server = RangeServer(files)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(OSError):  # whoever asked is gone, or has seen enough
                super().handle()

        def do_GET(self) -> None:
            serve(server, self)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            http.shutdown()
            thread.join()


def serve(server: RangeServer, request: BaseHTTPRequestHandler) -> None:
    path, _, query = request.path.lstrip("/").partition("?")
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["Range"])
    assert found is not None
    first, last = int(found[1]), int(found[2])
    url = query.removeprefix("url=").partition("&")[0]
    with server.lock:
        number = len(server.asked)
        asked = Asked(number, path, first, url, "If-Match" in request.headers)
        server.asked.append(asked)
    whole = server.files[path]
    headers = {"Content-Range": f"bytes {first}-{last}/{len(whole)}", "ETag": '"one"'}
    answer = Answer(206, headers, whole[first : last + 1])
    if fault := server.fault(asked):
        fault(answer)
    length = str(len(answer.body))
    request.send_response(answer.status)
    for name, value in {"Content-Length": length, **answer.headers}.items():
        request.send_header(name, value)
    request.end_headers()
    body = answer.body[: answer.cut_at] if answer.cut else answer.body
    for begin in range(0, len(body), 65_536):
        request.wfile.write(body[begin : begin + 65_536])
        with server.lock:
            server.sent_bytes += len(body[begin : begin + 65_536])
    if answer.cut == STALL:
        server.over.wait()
    if answer.cut == RESET:
        linger = struct.pack("ii", 1, 0)  # closing sends a reset, not an end
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    if answer.cut:
        request.close_connection = True


def status(code: int, body: bytes = b"", **headers: str) -> Fault:
    def fault(answer: Answer) -> None:
        answer.status, answer.body = code, body
        answer.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    return fault


def cut(how: str, at: int) -> Fault:
    def fault(answer: Answer) -> None:
        answer.cut, answer.cut_at = how, at

    return fault


def flip(at: int) -> Fault:
    def fault(answer: Answer) -> None:
        body = bytearray(answer.body)
        body[at] ^= 1
        answer.body = bytes(body)

    return fault


def headed(**headers: str) -> Fault:
    def fault(answer: Answer) -> None:
        answer.headers |= {name.replace("_", "-"): value for name, value in headers.items()}

    return fault
