"""A port here that leads to a server on a real box, for clients that know nothing of SSH."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from freehold import lab
from freehold.hosts.host import Host
from freehold.hosts.ssh import SshHost
from freehold.rent.relay import local_port
from tests.deadline import in_time
from tests.rent.masters import end_master
from tests.rent.tasks import PORT, open_box, out, serving

WEB = f"""
import http.server
class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode() * 100_000)
http.server.ThreadingHTTPServer(("127.0.0.1", {PORT}), Web).serve_forever()
"""
HASHING = f"""
import hashlib, socketserver
class Hashing(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"ready ")
        self.wfile.write(hashlib.file_digest(self.rfile, "sha256").hexdigest().encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Server(("127.0.0.1", {PORT}), Hashing).serve_forever()
"""
"""It says a word, reads until there is no more, and says the hash of what it read."""


@pytest.fixture
def box(lab_boxes: lab.Lab) -> Iterator[SshHost]:
    """The second, over a connection of the test's own: it may be lost."""
    with closing(open_box(lab_boxes.boxes[1])) as host:
        try:
            yield host
        finally:
            lab_boxes.boxes[1].plug()


def get(port: int, path: str = "/") -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        content: bytes = answer.read()
    return content


def all_of(client: socket.socket) -> bytes:
    """Until the other side has nothing more to say."""
    client.settimeout(20)
    said = b""
    while data := client.recv(1 << 16):
        said += data
    return said


def test_http_goes_through_it_also_from_many_at_once(ssh_host: Host) -> None:
    with serving(ssh_host, WEB), local_port(ssh_host, PORT) as port, ThreadPoolExecutor(8) as pool:
        paths = [f"/{number}" for number in range(24)]
        answers = list(pool.map(lambda path: get(port, path), paths))
    assert answers == [path.encode() * 100_000 for path in paths]


def test_each_side_may_end_what_it_says_and_hear_the_other_out(ssh_host: Host) -> None:
    content = os.urandom(5_000_000)
    with (
        serving(ssh_host, HASHING),
        local_port(ssh_host, PORT) as port,
        socket.create_connection(("127.0.0.1", port)) as client,
    ):
        client.sendall(content)
        client.shutdown(socket.SHUT_WR)
        assert all_of(client) == f"ready {hashlib.sha256(content).hexdigest()}".encode()


def test_it_is_reached_from_this_machine_alone(ssh_host: Host) -> None:
    with local_port(ssh_host, PORT) as port:
        listening = [
            line.split()[1]
            for line in open_sockets()
            if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
        ]
    assert listening == [f"0100007F:{port:04X}"]


def open_sockets() -> list[str]:
    """Of TCP, as the kernel lists them; without the table's head."""
    return Path("/proc/net/tcp").read_text().splitlines()[1:]


def test_a_server_that_is_not_there_ends_the_connection_and_is_found_when_it_is(
    ssh_host: Host,
) -> None:
    with local_port(ssh_host, PORT) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            assert all_of(client) == b""
        with serving(ssh_host, WEB):
            assert get(port)[:1] == b"/"
        with socket.create_connection(("127.0.0.1", port)) as client:
            assert all_of(client) == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_way_that_was_lost_is_made_again_for_the_next_connection(
    box: SshHost, number: signal.Signals
) -> None:
    with serving(box, HASHING), local_port(box, PORT) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(20)
            assert client.recv(6) == b"ready "
            end_master(box, number)
            assert all_of(client) == b""
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.shutdown(socket.SHUT_WR)
            assert all_of(client) == f"ready {hashlib.sha256(b'').hexdigest()}".encode()


def test_a_cable_that_was_pulled_and_is_back_costs_what_was_under_way_and_no_more(
    box: SshHost, lab_boxes: lab.Lab
) -> None:
    cable = lab_boxes.boxes[1]
    with serving(box, HASHING), local_port(box, PORT) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(20)
            assert client.recv(6) == b"ready "
            cable.unplug()
            assert all_of(client) == b""
        with socket.create_connection(("127.0.0.1", port)) as client:
            assert all_of(client) == b""
        cable.plug()
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.shutdown(socket.SHUT_WR)
            assert all_of(client) == f"ready {hashlib.sha256(b'').hexdigest()}".encode()


def test_afterwards_there_is_no_port_no_thread_and_no_way(ssh_host: SshHost) -> None:
    with ssh_host.forward(1) as path:
        folder = path.parent
    before = threading.active_count()
    with serving(ssh_host, WEB), local_port(ssh_host, PORT) as port:
        assert get(port)
        assert [each.name for each in folder.glob(f"port-{PORT}-*")] != []
    assert list(folder.glob("port-*")) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert in_time(lambda: threading.active_count() <= before)
    assert out(ssh_host, "echo still there") == "still there"


def test_a_way_that_nobody_needs_is_not_made(ssh_host: SshHost) -> None:
    with ssh_host.forward(1) as path:
        folder = path.parent
    with local_port(ssh_host, PORT):
        assert list(folder.glob("port-*")) == []
