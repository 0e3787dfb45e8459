"""The door of a node, asked as its clients ask it: by TLS, through SSH to the node's loopback."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from freehold.hosts.host import Host, HostError

READY = "ready"
SILENT = "silent"
PATIENCE_S = 30
POLL_S = 0.2
ASK_TIMEOUT_S = 10


def door_state(host: Host, port: int, certificate_sha256: str) -> str:
    """READY, "HTTP 503" where no server is behind it, SILENT where nothing answers, or what it
    shows in place of the certificate with that SHA-256."""
    try:
        with host.forward(port) as path:
            return _ask(path, certificate_sha256)
    except (OSError, HTTPException):
        return SILENT


def require_door(
    host: Host, port: int, certificate_sha256: str, cancelled: threading.Event
) -> None:
    """Wait until it answers as it should; a worker that was just made takes a moment. Raises
    HostError with what it does instead."""
    deadline_s = time.monotonic() + PATIENCE_S
    while (state := door_state(host, port, certificate_sha256)) != READY:
        if time.monotonic() > deadline_s or cancelled.wait(POLL_S):
            raise HostError.of(
                host.name,
                f"port {port}: expected the door to be ready, it is {state}",
                f"fab -H {host.name} service.logs --of door",
            )


def _ask(path: Path, certificate_sha256: str) -> str:
    with _connected(path) as (connection, shown):
        if shown != certificate_sha256:
            return "showing another certificate"
        connection.request("GET", "/health")
        status = connection.getresponse().status
        return READY if status == 200 else f"HTTP {status}"


@contextlib.contextmanager
def _connected(path: Path) -> Iterator[tuple[HTTPConnection, str]]:
    """A connection, and the SHA-256 of the certificate that it was shown."""
    # The certificate is compared as a whole, and nothing secret is sent: no chain is needed.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = HTTPConnection("node", timeout=ASK_TIMEOUT_S)
    plain = socket.socket(socket.AF_UNIX)
    plain.settimeout(ASK_TIMEOUT_S)
    with contextlib.closing(connection), contextlib.closing(plain):
        plain.connect(str(path))
        secured = context.wrap_socket(plain)
        connection.sock = secured
        yield connection, hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
