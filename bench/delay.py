"""A TCP proxy that hands on every byte a set time later: `python -m bench.delay MS FROM=TO...`.

Where the kernel has no netem, this stands between both ends of a link. A connection costs its
client a round trip before the first byte, as TCP's own handshake does.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import threading
import time
from collections import deque

CHUNK_BYTES = 256 << 10
# More than any link here has on its way: at 20 ms one way it lets 3 GiB/s through.
HELD_BYTES_MAX = 64 << 20


class Way:
    """One direction of a connection: what was read, and when it is due on the other side."""

    def __init__(self, source: socket.socket, target: socket.socket, delay_s: float) -> None:
        self.source, self.target, self._delay_s = source, target, delay_s
        self._held: deque[tuple[float, memoryview]] = deque()
        self._held_bytes = 0
        self.opens_s = 0.0
        self.is_read, self.is_over = False, False

    @property
    def may_read(self) -> bool:
        """Whether the source has more to say, and there is room for it."""
        return not self.is_read and self._held_bytes < HELD_BYTES_MAX

    @property
    def due_s(self) -> float | None:
        """When the next bytes are due; None where none wait."""
        return self._held[0][0] if self._held else None

    def read(self) -> None:
        """Take what the source has; an empty chunk is its end."""
        with contextlib.suppress(BlockingIOError):
            data = self.source.recv(CHUNK_BYTES)
            due_s = max(self.opens_s, time.monotonic() + self._delay_s)
            self._held.append((due_s, memoryview(data)))
            self._held_bytes += len(data)
            self.is_read = not data

    def write(self, now_s: float) -> None:
        """Hand on what is due, as far as the target takes it."""
        while self._held and self._held[0][0] <= now_s:
            due_s, data = self._held.popleft()
            if not data:
                self.target.shutdown(socket.SHUT_WR)
                self.is_over = True
                return
            try:
                sent = self.target.send(data)
            except BlockingIOError:
                sent = 0
            self._held_bytes -= sent
            if sent < len(data):
                self._held.appendleft((due_s, data[sent:]))
                return


def join(client: socket.socket, server: socket.socket, delay_s: float) -> None:
    """Relay both ways until both have ended, or one broke."""
    there, back = Way(client, server, delay_s), Way(server, client, delay_s)
    there.opens_s = time.monotonic() + 3 * delay_s  # SYN and its answer, then the bytes' own way
    back.opens_s = time.monotonic() + 2 * delay_s
    for end in (client, server):
        end.setblocking(False)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with client, server, contextlib.suppress(OSError):
        while not (there.is_over and back.is_over):
            _turn(there, back)


def _turn(there: Way, back: Way) -> None:
    now_s = time.monotonic()
    ways = [way for way in (there, back) if not way.is_over]
    late = [way.target for way in ways if way.due_s is not None and way.due_s <= now_s]
    coming = [way.due_s - now_s for way in ways if way.due_s is not None and way.due_s > now_s]
    readable, writable, _ = select.select(
        [way.source for way in ways if way.may_read], late, [], min(coming, default=None)
    )
    for way in ways:
        if way.source in readable:
            way.read()
        if way.target in writable or way.due_s is not None:
            way.write(time.monotonic())


def serve(listener: socket.socket, target: tuple[str, int], delay_s: float) -> None:
    """A thread for each client that comes."""
    while True:
        client, _ = listener.accept()
        try:
            server = socket.create_connection(target)
        except OSError:
            client.close()
            continue
        threading.Thread(target=join, args=(client, server, delay_s), daemon=True).start()


def main(milliseconds: str, pairs: list[str]) -> None:
    """Listen at each FROM for its TO (`host:port`), and say so; runs until it is ended."""
    for pair in pairs:
        here, there = (text.rsplit(":", 1) for text in pair.split("="))
        listener = socket.create_server((here[0], int(here[1])))
        target = (there[0], int(there[1]))
        arguments = (listener, target, float(milliseconds) / 1000)
        threading.Thread(target=serve, args=arguments, daemon=True).start()
    print("listening", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
