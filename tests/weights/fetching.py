"""What the tests of fetching share: a model on a server, and a fetch of it that does not wait."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from freehold.weights.fetch import add_fetched, fetch_files
from freehold.weights.hub import hub_origin
from freehold.weights.manifest import Manifest
from freehold.weights.origin import Origin
from freehold.weights.retry import Patience
from freehold.weights.staging import staging_of
from freehold.weights.store import Store
from tests.gguf.files import F32, header, pair, tensor, with_data
from tests.weights.hub_server import HubServer

SHARD_BYTES = 3 << 20
HASTY = Patience(timeout_s=0.3, attempts=3, backoff_s=0)
FOLDER = "UD-Q2"


class Heard:
    """What a fetch said of its progress, and how long it would have paused."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self.pauses: list[float] = []

    def add(self, size_bytes: int) -> None:
        self.size_bytes += size_bytes


def model_file(number: int = 1, count: int = 1) -> bytes:
    """A shard with random weights, which no other has."""
    pairs = [pair("general.architecture", "llama")] if number == 1 else []
    if count > 1:
        pairs += [pair("split.no", number - 1), pair("split.count", count)]
        pairs.append(pair("split.tensors.count", count))
    head = header(pairs, [tensor(f"blk.{number}.w", (SHARD_BYTES // 4,), F32, 0)])
    return with_data(head, os.urandom(SHARD_BYTES))


def shards(count: int, folder: str = FOLDER, stem: str = "m") -> dict[str, bytes]:
    """By their path in a repository."""
    return {
        f"{folder}/{stem}-{n:05d}-of-{count:05d}.gguf": model_file(n, count)
        for n in range(1, count + 1)
    }


def fetch(
    store: Store, origin: Origin, name: str = "m", heard: Heard | None = None, **about: str
) -> Manifest:
    heard = heard or Heard()
    with staging_of(store, name) as staging:
        hashes = fetch_files(store, origin, staging, heard.add, HASTY, heard.pauses.append)
        return add_fetched(store, origin, staging, name, about, hashes, lambda _size: None)


def of_hub(server: HubServer, include: str = f"{FOLDER}/*", revision: str = "") -> Origin:
    text = f"hf:{server.repo}{revision}"
    return hub_origin(text, [include] if include else [], HASTY, [].append, server.url)


def contents(store: Store, manifest: Manifest) -> Mapping[str, bytes]:
    return {file.path: b"".join(store.read(file)) for file in manifest.files}


def incoming(store: Store) -> list[Path]:
    """Every file that is left of a fetch, but its lock."""
    top = Path(store.place) / "incoming"
    return [path for path in top.rglob("*") if path.is_file() and path.suffix != ".lock"]
