"""A TCP port of this machine's loopback that leads to a node's server, for clients of HTTP."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from freehold.hosts.host import Host, HostError


@contextlib.contextmanager
def local_port(host: Host, port: int) -> Iterator[int]:
    """A port of 127.0.0.1 whose connections reach `port` of the node's loopback.

    A connection that finds the way to the node lost has it made again.
    """
    way = _Way(host, port)
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.closing(way):
        accepting = threading.Thread(target=_accept, args=(server, way), daemon=True)
        accepting.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            accepting.join()


class _Way:
    """The forwarded socket; made at the first need, and again where it leads nowhere."""

    def __init__(self, host: Host, port: int) -> None:
        self._host, self._port = host, port
        self._lock = threading.Lock()
        self._stack = contextlib.ExitStack()
        self._path: Path | None = None

    def connect(self) -> socket.socket:
        """A connection to the server. Raises OSError or HostError."""
        with self._lock:
            for is_last in (False, True):
                if self._path is None:
                    self._path = self._stack.enter_context(self._host.forward(self._port))
                target = socket.socket(socket.AF_UNIX)
                try:
                    target.connect(str(self._path))
                    return target
                except OSError:
                    target.close()
                    self._forget()
                    if is_last:
                        raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Give the way back."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._path = None
        with contextlib.suppress(HostError, OSError):
            self._stack.close()
        self._stack = contextlib.ExitStack()


def _accept(server: socket.socket, way: _Way) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            threading.Thread(target=_join, args=(client, way), daemon=True).start()


def _join(client: socket.socket, way: _Way) -> None:
    with client:
        try:
            target = way.connect()
        except (OSError, HostError):
            return  # the client sees its connection end, and may try again
        with target:
            back = threading.Thread(target=_copy, args=(target, client), daemon=True)
            back.start()
            _copy(client, target)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
