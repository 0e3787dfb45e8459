"""Somebody who comes to a door, by TLS and with the authority's certificate alone."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPResponse, HTTPSConnection
from typing import Any

TIMEOUT_S = 60


@dataclass(frozen=True)
class Answer:
    """What came of one request."""

    status: int
    headers: Message
    body: str

    @property
    def text(self) -> str:
        """What the model said."""
        return str(json.loads(self.body)["choices"][0]["text"])


@dataclass(frozen=True)
class Visitor:
    """`ca` is PEM; `key` is shown as a bearer token, "" shows none."""

    address: str
    port: int
    ca: str
    key: str = ""

    def ask(self, prompt: str = "The", max_tokens: int = 1) -> Answer:
        """A plain completion."""
        return self.request("POST", "/v1/completions", {"prompt": prompt, "max_tokens": max_tokens})

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any request, over a connection of its own."""
        with contextlib.closing(self.connection()) as connection:
            return self.request_on(connection, method, path, body, headers)

    def request_on(
        self,
        connection: HTTPSConnection,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The same over an open connection."""
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {**self._headers(), **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())

    @contextlib.contextmanager
    def stream(self, max_tokens: int) -> Iterator[HTTPResponse]:
        """An answer that comes token by token; its first line is there already."""
        with contextlib.closing(self.connection()) as connection:
            body = {
                "prompt": "Count: one, two,",
                "max_tokens": max_tokens,
                "stream": True,
                "ignore_eos": True,
            }
            connection.request("POST", "/v1/completions", json.dumps(body), self._headers())
            response = connection.getresponse()
            assert response.status == 200, response.read()
            assert response.readline().startswith(b"data: ")
            yield response

    def connection(self) -> HTTPSConnection:
        """By the certificate's names: one that is not of `ca`, or another's, raises."""
        context = ssl.create_default_context(cadata=self.ca)
        return HTTPSConnection(self.address, self.port, timeout=TIMEOUT_S, context=context)

    @contextlib.contextmanager
    def raw(self, timeout_s: float = 20) -> Iterator[ssl.SSLSocket]:
        """A connection for what no HTTP client would send."""
        context = ssl.create_default_context(cadata=self.ca)
        with (
            socket.create_connection((self.address, self.port), timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=self.address) as secured,
        ):
            yield secured

    def _headers(self) -> dict[str, str]:
        known = {"Content-Type": "application/json"}
        return {**known, "Authorization": f"Bearer {self.key}"} if self.key else known


def is_whole(response: HTTPResponse) -> bool:
    """Reads a stream to its end, and says whether it was its own."""
    last = [line for line in response.read().decode().splitlines() if line.startswith("data: ")][-1]
    return last == "data: [DONE]"
