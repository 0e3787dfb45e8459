"""HTTP to a node's own loopback, through SSH: no port need be open but sshd's."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx

from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, run_or_raise
from freehold.render.service import KEY_PATH

ANSWER_TIMEOUT_S = 600  # a large model on a CPU thinks for minutes before its first token


@contextlib.contextmanager
def connect(host: Host, port: int) -> Iterator[httpx.Client]:
    """A client whose requests reach `port` on the node."""
    with (
        host.forward(port) as socket,
        httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)),
            base_url="http://node",
            timeout=ANSWER_TIMEOUT_S,
        ) as client,
    ):
        yield client


def health(client: httpx.Client) -> str:
    """ "ready", "loading", or what else the server says of itself; "silent" if nothing answers."""
    try:
        response = client.get("/health", timeout=10)
    except httpx.HTTPError:
        return "silent"
    if response.status_code == httpx.codes.OK:
        return "ready"
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return "loading"
    return f"HTTP {response.status_code}"


def read_key(host: Host) -> str:
    """The API key that lies on the node."""
    return run_or_raise(host, Command(f"cat {KEY_PATH}", "reading the API key")).strip()


def first_token(host: Host, client: httpx.Client, key: str) -> str:
    """One real token of the model. Raises HostError with what the server said instead."""
    body = {"prompt": "The", "max_tokens": 1}
    try:
        response = client.post("/v1/completions", json=body, headers=_bearer(key))
        response.raise_for_status()
        return str(response.json()["choices"][0]["text"])
    except (httpx.HTTPError, LookupError, ValueError) as error:
        raise _refused(host, error) from None


def ask(host: Host, port: int, question: str, max_tokens: int) -> Iterator[str]:
    """The answer to one question, in pieces as they come."""
    body = {
        "messages": [{"role": "user", "content": question}],
        "max_tokens": max_tokens,
        "stream": True,
    }
    key = read_key(host)
    with connect(host, port) as client:
        try:
            with client.stream(
                "POST", "/v1/chat/completions", json=body, headers=_bearer(key)
            ) as response:
                if response.is_error:
                    response.read()
                response.raise_for_status()
                yield from _pieces(response.iter_lines())
        except httpx.HTTPError as error:
            raise _refused(host, error) from None


def _pieces(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        data = line.removeprefix("data: ")
        if data == line or data == "[DONE]":
            continue
        event: dict[str, Any] = json.loads(data)
        for choice in event.get("choices", []):
            delta = choice.get("delta", {})
            yield delta.get("reasoning_content") or delta.get("content") or ""


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _refused(host: Host, error: Exception) -> HostError:
    said = error.response.text[:500] if isinstance(error, httpx.HTTPStatusError) else ""
    return HostError.of(
        host.name,
        "\n".join(filter(None, [f"expected an answer of the model, got: {error}", said])),
        f"fab -H {host.name} service.logs",
    )
