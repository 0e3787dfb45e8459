"""The leg from a bucket: the node fetches what it lacks itself, by URLs that it is given."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from freehold.apply.agent import talk_with_agent
from freehold.apply.push import push
from freehold.apply.receiver import Receiver
from freehold.apply.source import Source
from freehold.apply.throttle import Throttle
from freehold.hosts.host import HostError
from freehold.hosts.talk import Talk
from freehold.weights.objects import StoreError

EXPIRES_S = 3600  # a URL that expires on the way is renewed


class NoWayError(HostError):
    """The node cannot fetch from the store by itself; the store may well be sound."""


def pull_or_push(receiver: Receiver, source: Source, name: str, throttle: Throttle) -> None:
    """Have the node fetch what `receiver` lacks; where it cannot, say so and send the rest to it.

    Raises as `push` does.
    """
    try:
        pull(receiver, source, name, throttle)
    except NoWayError as error:
        receiver.heard.told(f"{error}\n  what is left goes through this machine")
        receiver.finish()  # it is not over: this asks what is left
        push(receiver, source, name, throttle)


def pull(
    receiver: Receiver,
    source: Source,
    name: str,
    throttle: Throttle,
    options: Mapping[str, object] | None = None,
) -> None:
    """Have the node fetch what `receiver` lacks, at the `throttle`'s rate of the hour, each node
    by itself. What arrived whole stays, however this ends.

    `options` are of the agent's `pull`: how many `workers`, its `timeout_s` and `patience_s`.
    Raises NoWayError where the store gives out no URLs or the node cannot fetch by them,
    StoreError where the store's copy is damaged or was replaced, HostError where the node cannot
    take it or gets other bytes than the store has.
    """
    _Pull(receiver, source, throttle).run(name, options or {})


class _Pull:
    def __init__(self, receiver: Receiver, source: Source, throttle: Throttle) -> None:
        self._receiver, self._source, self._throttle = receiver, source, throttle
        self._order = receiver.order
        self._origin = ""

    def run(self, name: str, options: Mapping[str, object]) -> None:
        files = sorted({file for file, _first, _count in self._receiver.missing})
        if not files:
            return
        rate = self._throttle.bytes_per_s
        start = {"urls": {file: self._url(file) for file in files}, "ca": _ca(), "rate": rate}
        folder, about = self._order.folder, f"pulling {name}"
        with talk_with_agent(self._receiver.host, "pull", folder, description=about) as talk:
            _say(talk, {**start, **options})
            while not self._is_done(talk):
                if rate != (rate := self._throttle.bytes_per_s):
                    _say(talk, {"rate": rate})

    def _is_done(self, talk: Talk) -> bool:
        line = talk.line()
        try:
            return self._heed(line, talk)
        except (ValueError, KeyError, IndexError, TypeError):
            raise HostError.of(
                self._receiver.host.name, f"expected news of a pull, got {line[:80]!r}"
            ) from None

    def _heed(self, line: str, talk: Talk) -> bool:
        """Whether it was the last."""
        if line.startswith("+"):
            file, piece = line[1:].split()
            self._receiver.came_by("bucket")
            self._receiver.heard.moved(self._order.piece_size(int(file), int(piece)))
        if not line.startswith("{"):
            return False
        said = json.loads(line)
        if "renew" in said:
            _say(talk, {"urls": {said["renew"]: self._url(said["renew"])}})
        if "failed" in said:
            raise self._failure(said)
        return "done" in said

    def _url(self, file: int) -> str:
        url = self._source.url(file, EXPIRES_S)
        if url is None:
            raise NoWayError.of(
                self._receiver.host.name, "expected a store that gives out URLs, got another"
            )
        parts = urlsplit(url)
        self._origin = f"{parts.scheme}://{parts.netloc}"  # the rest is secret
        return url

    def _failure(self, said: dict[str, Any]) -> HostError | StoreError:
        node, failed = self._receiver.host.name, said["failed"]
        path = self._order.files[said["file"]].path
        if failed == "way":
            return NoWayError.of(
                node, f"{path}: the node cannot fetch from {self._origin}: {said['why']}"
            )
        if failed == "changed":
            return StoreError.of(
                self._source.place,
                f"{path} was replaced while {node} fetched it: {said['why']}",
                "fab weights.verify",
            )
        self._source.require_piece(said["file"], said["piece"])
        start = said["piece"] * self._order.piece_bytes
        end = start + self._order.piece_size(said["file"], said["piece"])
        return HostError.of(
            node,
            f"{path}: expected its bytes {start:,} to {end:,} as the store has them, got others\n"
            f"expected hash {said['expected']}\nfound    hash {said['found']}",
            "something between the store and this node changes what it carries",
        )


def _say(talk: Talk, line: Mapping[str, object]) -> None:
    talk.send(json.dumps(line).encode() + b"\n")


def _ca() -> str | None:
    """The certificates that a store's server must chain to, where they are not the system's."""
    path = os.environ.get("AWS_CA_BUNDLE")  # as boto3 and the AWS CLI read it
    return Path(path).read_text() if path else None
