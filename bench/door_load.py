"""Clients of a door, run on a box by its own python3: options come as JSON on stdin, and what the
clients saw is printed as one line of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import selectors
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATH = "/v1/models"
PER_ADDRESS = 100  # slow clients; a door takes 200 connections of one address
BEGUN = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\n"
Make = Callable[[], http.client.HTTPConnection]


def load(make: Make, key: str, connections: int, seconds: float) -> dict[str, float]:
    """Requests over so many connections that stay, for so long: how many, and how slow."""
    until, took, failed = time.monotonic() + seconds, list[float](), list[str]()

    def ask() -> None:
        connection = make()
        while (began := time.monotonic()) < until:
            try:
                connection.request("GET", PATH, headers={"Authorization": f"Bearer {key}"})
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    failed.append(str(response.status))
            except (OSError, http.client.HTTPException) as error:
                failed.append(repr(error))
                connection.close()
                connection = make()
            took.append(time.monotonic() - began)

    threads = [threading.Thread(target=ask) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took.sort()
    return {
        "requests_per_s": len(took) / seconds,
        "median_ms": took[len(took) // 2] * 1e3,
        "p99_ms": took[len(took) * 99 // 100] * 1e3,
        "failed": len(failed),
    }


class Fresh(http.client.HTTPConnection):
    """A new connection for each request, as the door makes one to its server."""

    def request(self, *arguments: Any, **more: Any) -> None:
        self.close()
        super().request(*arguments, **more)


class Slow(threading.Thread):
    """So many connections, each in the middle of a request's head; one that is cut comes again."""

    def __init__(self, count: int, port: int, tls: ssl.SSLContext) -> None:
        super().__init__(daemon=True)
        self.count, self.port, self.tls, self.held = count, port, tls, 0
        self.ready, self.over = threading.Event(), threading.Event()

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for number in range(self.count):
                self.begin(selector, number)
            self.ready.set()
            while not self.over.is_set():
                for ready, _ in selector.select(0.2):
                    number, connection = ready.data
                    selector.unregister(connection)
                    connection.close()
                    self.begin(selector, number)
                self.held = len(selector.get_map())

    def begin(self, selector: selectors.BaseSelector, number: int) -> None:
        source = f"127.0.1.{number // PER_ADDRESS + 1}"
        with contextlib.suppress(OSError):
            plain = socket.create_connection(("127.0.0.1", self.port), 20, (source, 0))
            connection = self.tls.wrap_socket(plain)
            connection.sendall(BEGUN)
            selector.register(connection, selectors.EVENT_READ, (number, connection))


def main() -> None:
    """All of it, one after the other: the client is the same."""
    options = json.load(sys.stdin)
    tls = ssl.create_default_context(cafile=options["authority"])
    tls.check_hostname = False
    key, server_key = options["key"], Path(options["server_key"]).read_text().strip()
    many, seconds, port = options["connections"], options["seconds"], options["port"]

    def by_door() -> http.client.HTTPConnection:
        return http.client.HTTPSConnection("127.0.0.1", port, context=tls, timeout=60)

    def directly() -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", options["server_port"], timeout=60)

    def afresh() -> http.client.HTTPConnection:
        return Fresh("127.0.0.1", options["server_port"], timeout=60)

    load(by_door, key, many, 1)
    found = {
        "directly": load(directly, server_key, many, seconds),
        "directly, a new connection each": load(afresh, server_key, many, seconds),
        "by the door": load(by_door, key, many, seconds),
        "one client": load(by_door, key, 1, seconds),
    }
    clients = Slow(options["slow"], port, tls)
    clients.start()
    clients.ready.wait()
    found["one client, slow ones hold on"] = load(by_door, key, 1, seconds)
    clients.over.set()
    clients.join()
    print(json.dumps({**found, "held": clients.held}))


main()
