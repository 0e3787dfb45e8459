"""A file server with ranges, which keeps account, and misbehaves where it is told to."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass
class FileServer:
    """`files` by path. `redirects` leads a path to a URL."""

    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    knows_ranges: bool = True
    says_length: bool = True
    token: str | None = None
    cut_after_bytes: int | None = None  # of each body
    status: int | None = None  # of each answer
    requests: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    sent_bytes: int = 0
    scheme: str = "http"
    port: int = 0

    def url(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"


@contextmanager
def serving(server: FileServer, tls: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(server, self)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.port = http.server_address[1]
        if tls is not None:
            server.scheme = "https"
            http.socket = tls.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def answer(server: FileServer, request: BaseHTTPRequestHandler) -> None:
    path = request.path.partition("?")[0]
    server.requests.append((request.path, dict(request.headers)))
    if path in server.redirects:
        return refuse(request, 302, Location=server.redirects[path])
    if server.token and request.headers.get("Authorization") != f"Bearer {server.token}":
        return refuse(request, 401)
    if server.status or path not in server.files:
        return refuse(request, server.status or 404)
    whole = server.files[path]
    first, last = 0, len(whole) - 1
    if server.knows_ranges and (asked := re.match(r"bytes=(\d+)-(\d+)", request.headers["Range"])):
        first, last = int(asked[1]), min(int(asked[2]), last)
        if first > last:
            return refuse(request, 416, Content_Range=f"bytes */{len(whole)}")
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {first}-{last}/{len(whole)}")
    else:
        request.send_response(200)
    body = whole[first : last + 1]
    if server.says_length:
        request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    return send(server, request, body[: server.cut_after_bytes])


def send(server: FileServer, request: BaseHTTPRequestHandler, body: bytes) -> None:
    for begin in range(0, len(body), 65_536):
        piece = body[begin : begin + 65_536]
        try:
            request.wfile.write(piece)
        except OSError:  # whoever asked has seen enough
            return
        server.sent_bytes += len(piece)


def refuse(request: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", "0")
    request.end_headers()


@contextmanager
def serving_tls(server: FileServer, folder: Path) -> Iterator[Path]:
    """As `serving`, over TLS; yields the certificate's file, which clients must trust."""
    path = certificate(folder, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with serving(server, context):
        yield path


def certificate(folder: Path, address: str) -> Path:
    """A file with a new certificate of a server at `address`, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    begin = datetime.now(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=2))
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(True, 0), critical=True)
    path = folder / "certificate.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM) + pem)
    return path
