"""HTTP to a node's own loopback, through SSH: no port need be open but sshd's."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, run_or_raise
from freehold.render.paths import KEY_PATH
from freehold.service.metrics import ServerMetrics, read_metrics

ANSWER_TIMEOUT_S = 600  # a large model on a CPU thinks for minutes before its first token
HEALTH_TIMEOUT_S = 10
METRICS_BYTES = 1 << 20
SILENT = "silent"  # nothing answers: no server yet, or sshd does not forward


class Client:
    """The server of one node, on the end of a unix socket; a connection for each request."""

    def __init__(self, host: Host, path: Path) -> None:
        self.host, self._path = host, path

    def health(self) -> str:
        """ "ready", "loading", or what else the server says; SILENT if nothing answers."""
        try:
            with self._request("GET", "/health", timeout_s=HEALTH_TIMEOUT_S) as response:
                if response.status == 200:
                    return "ready"
                return "loading" if response.status == 503 else f"HTTP {response.status}"
        except (HTTPException, OSError):
            return SILENT

    def first_token(self, key: str) -> str:
        """One real token of the model. Raises HostError with what the server said instead."""
        with self._post("/v1/completions", key, {"prompt": "The", "max_tokens": 1}) as response:
            try:
                return str(json.load(response)["choices"][0]["text"])
            except (LookupError, ValueError, TypeError) as error:
                raise self._refused(f"{type(error).__name__}: {error}") from None

    def metrics(self, key: str) -> ServerMetrics:
        """What the server says of itself. Raises HostError, also where it is off or silent."""
        try:
            with self._request("GET", "/metrics", key, timeout_s=HEALTH_TIMEOUT_S) as response:
                said = response.read(METRICS_BYTES).decode("utf-8", "replace")
                if response.status != 200:
                    raise self._refused(f"HTTP {response.status}\n{said[:500]}")
                return read_metrics(said)
        except (HTTPException, OSError, ValueError) as error:
            raise self._refused(f"{type(error).__name__}: {error}") from None

    def complete(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """The server's whole answer to a plain completion, its timings within.

        Raises HostError with what the server said instead.
        """
        with self._post("/completion", key, body) as response:
            try:
                answer = json.load(response)
            except ValueError as error:
                raise self._refused(f"{type(error).__name__}: {error}") from None
            if not isinstance(answer, dict):
                raise self._refused(f"{type(answer).__name__} in place of an object")
            return answer

    def ask(
        self, key: str, question: str, max_tokens: int, more: Mapping[str, Any] | None = None
    ) -> Iterator[str]:
        """The answer to one question, in pieces as they come; `more` is added to the request."""
        messages = [{"role": "user", "content": question}]
        body = {"messages": messages, "max_tokens": max_tokens, "stream": True, **(more or {})}
        with self._post("/v1/chat/completions", key, body) as response:
            for line in response:
                data = line.decode().strip().removeprefix("data: ")
                if data.startswith("{"):
                    yield from _pieces(json.loads(data))

    def requests(self, key: str) -> int:
        """How many are answered or wait now. Raises HostError where the server does not say."""
        try:
            with self._request("GET", "/metrics", key, timeout_s=HEALTH_TIMEOUT_S) as response:
                said = response.read().decode("utf-8", "replace")
        except (HTTPException, OSError) as error:
            raise self._refused(f"{type(error).__name__}: {error}") from None
        found = re.findall(r"^llamacpp:requests_(?:processing|deferred) (\d+)", said, re.MULTILINE)
        if not found:
            raise self._refused(f"HTTP {response.status} from /metrics")
        return sum(map(int, found))

    @contextlib.contextmanager
    def _post(self, path: str, key: str, body: dict[str, Any]) -> Iterator[HTTPResponse]:
        try:
            with self._request("POST", path, key, json.dumps(body)) as response:
                if response.status != 200:
                    said = response.read(500).decode("utf-8", "replace")
                    raise self._refused(f"HTTP {response.status}\n{said}")
                yield response
        except (HTTPException, OSError) as error:
            raise self._refused(f"{type(error).__name__}: {error}") from None

    @contextlib.contextmanager
    def _request(
        self,
        method: str,
        path: str,
        key: str | None = None,
        body: str | None = None,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> Iterator[HTTPResponse]:
        connection = HTTPConnection("node", timeout=timeout_s)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(timeout_s)
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        with contextlib.closing(connection):
            connection.sock.connect(str(self._path))
            connection.request(method, path, body, headers)
            yield connection.getresponse()

    def _refused(self, found: str) -> HostError:
        place = self.host.name
        return HostError.of(
            place, f"expected an answer of the model, got: {found}", f"fab -H {place} service.logs"
        )


@contextlib.contextmanager
def connect(host: Host, port: int) -> Iterator[Client]:
    """A client whose requests reach `port` on the node."""
    with host.forward(port) as path:
        yield Client(host, path)


def read_key(host: Host) -> str:
    """The API key that lies on the node."""
    return run_or_raise(host, Command(f"cat {KEY_PATH}", "reading the API key")).strip()


def _pieces(event: dict[str, Any]) -> Iterator[str]:
    for choice in event.get("choices", []):
        delta = choice.get("delta", {})
        yield delta.get("reasoning_content") or delta.get("content") or ""
