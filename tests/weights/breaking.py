"""A TCP relay that breaks what it carries: connections cut, bytes flipped."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Breaking:
    """Between clients of `endpoint` and a server on `port`.

    While `cuts` is not 0 it counts down with each connection that is cut, after `cut_after_bytes`
    more of answers. While `flips` is not 0, so it does with each byte of an upload that is flipped.
    """

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.cuts = self.cut_after_bytes = self.flips = 0
        self._carried = 0

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._to)
                for work, ends in ((self._up, (client, server)), (self._down, (server, client))):
                    threading.Thread(target=work, args=ends, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                if self.flips and len(data) > 30_000:  # no header is so long
                    self.flips -= 1
                    data = data[:-1] + bytes([data[-1] ^ 1])
                server.sendall(data)
        _end(client, server)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                if self.cuts and self._carried + len(data) > self.cut_after_bytes:
                    client.sendall(data[: self.cut_after_bytes - self._carried])
                    self.cuts -= 1
                    self._carried = 0
                    break
                self._carried += len(data) if self.cuts else 0
                client.sendall(data)
        _end(server, client)


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def breaking(port: int) -> Iterator[Breaking]:
    relay = Breaking(port)
    thread = threading.Thread(target=relay.serve, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        relay.close()
        thread.join()
