"""The real engine with the small real model, on this machine and a unix socket."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

from demo.parts import ENGINE, WEIGHTS
from freehold.service.client import Client
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.store import Store
from tests.deadline import in_time

KEY = "a-key-of-the-tests-0123456789"


def client_of(path: Path) -> Client:
    """Of whatever listens there; of its host only the name is asked."""
    return Client(SimpleNamespace(name="node-1"), path)  # type: ignore[arg-type]


@contextlib.contextmanager
def serving(store: Store, folder: Path, *flags: str) -> Iterator[Client]:
    """A ready server, ended with the block."""
    engine = _placed(store, store.manifest(Kind.ENGINE, ENGINE), folder / "engine")
    model = _placed(store, store.manifest(Kind.WEIGHTS, WEIGHTS), folder / "weights")
    path = folder / "server.sock"
    argv = [str(engine), "--model", str(model), "--host", str(path), "--api-key", KEY]
    argv += ["--no-warmup", "--parallel", "1", "--threads", "1", *flags]
    environment = {"LD_LIBRARY_PATH": str(engine.parent), "PATH": os.environ["PATH"]}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        client = client_of(path)
        in_time(lambda: client.health() == "ready" or process.poll() is not None, 60)
        assert client.health() == "ready", (folder / "log").read_text()[-2000:]
        yield client
    finally:
        process.terminate()
        process.wait()


def _placed(store: Store, manifest: Manifest, folder: Path) -> Path:
    """The path of the set's entry, with all of its files beside it."""
    for file in manifest.files:
        path = folder / file.path
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(store.read(file)))
            path.chmod(0o755 if file.executable else 0o644)
    return folder / manifest.entry
