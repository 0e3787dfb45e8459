"""What the tests of the fan-out share: a store with random files, and syncs side by side."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from freehold.apply.fanout import Fanout
from freehold.apply.heard import Unheard
from freehold.apply.sync import sync
from freehold.apply.throttle import Throttle
from freehold.errors import FreeholdError
from freehold.hosts.command import Command
from freehold.hosts.host import Host, run_or_raise
from freehold.lab import Lab
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.open import create_store
from freehold.weights.store import Store
from freehold.weights.tools import download_wheels, put_wheels, wheels

MIB = 1 << 20
LOOK = "nft list tables; ss -Hltnp | grep python3 || true"


class Ear(Unheard):
    """Keeps what it is told, and counts."""

    def __init__(self) -> None:
        self.moved_bytes = 0
        self.has_moved = threading.Event()
        self.told_lines: list[str] = []

    def moved(self, size_bytes: int) -> None:
        self.moved_bytes += size_bytes
        if size_bytes > 0:
            self.has_moved.set()

    def told(self, text: str) -> None:
        self.told_lines.append(text)


class Counted(Throttle):
    """Counts what is sent to all nodes, and calls `then` once `after_bytes` were."""

    def __init__(
        self, after_bytes: int | None = None, then: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__()
        self.sent_bytes, self._after_bytes, self._then = 0, after_bytes, then
        self._guard = threading.Lock()

    def take(self, size_bytes: int) -> None:
        with self._guard:
            self.sent_bytes += size_bytes
            is_due = self._after_bytes is not None and self.sent_bytes > self._after_bytes
            if is_due:
                self._after_bytes = None
        if is_due:
            self._then()


class Side:
    """A sync in a thread of its own."""

    def __init__(
        self, fanout: Fanout, host: Host, manifest: Manifest, store: Store, throttle: Throttle
    ) -> None:
        self.ear = Ear()
        self._arguments = (fanout, host, manifest, store, throttle)
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(timeout=180)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        fanout, host, manifest, store, throttle = self._arguments
        try:
            sync(host, manifest, store, self.ear, throttle, fanout.leg(store))
        except (FreeholdError, OSError) as error:
            self.error = error


def carry_all(
    hosts: Sequence[Host], manifest: Manifest, store: Store, throttle: Throttle | None = None
) -> list[Side]:
    """To all at once, until all have ended."""
    fanout = Fanout()
    sides = [Side(fanout, host, manifest, store, throttle or Counted()) for host in hosts]
    for side in sides:
        side.join()
    return sides


def fill(folder: Path, *sizes_bytes: int, with_wheels: bool = True) -> tuple[Store, Manifest]:
    """A store with one set of random files of these sizes."""
    store = create_store(folder / "store")
    if with_wheels:
        put_wheels(store.objects, cached_wheels(), lambda _size: None)
    entries = []
    for number, size_bytes in enumerate(sizes_bytes):
        source = folder / f"source-{number}"
        source.write_bytes(os.urandom(size_bytes))
        entries.append(store.add(source, f"q/part-{number}.gguf", lambda _size: None, is_mine=True))
    manifest = Manifest(Kind.WEIGHTS, "m", entries[0].path, tuple(entries))
    store.declare(manifest)
    return store, manifest


def cached_wheels() -> Path:
    """The folder with libtorrent's wheels of x86-64, fetched once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "freehold"
    folder = cache / f"libtorrent-{wheels()[0].version}"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [wheel for wheel in wheels() if wheel.platform.endswith("x86_64")]
    download_wheels(folder, tuple(w for w in wanted if not (folder / w.name).exists()))
    return folder


def hashes(host: Host, manifest: Manifest) -> dict[str, str]:
    """What lies under the set's final name."""
    files = "find . -type f ! -name '.*' -printf '%P\\n'"
    script = f"cd {manifest.node_folder} && {files} | xargs -r sha256sum"
    lines = [line.split() for line in out(host, script).splitlines()]
    return {path: sha256 for sha256, path in lines}


def require_whole(host: Host, manifest: Manifest) -> None:
    """The set is there, and nothing else of its sync."""
    assert hashes(host, manifest) == {file.path: file.sha256 for file in manifest.files}
    assert out(host, f"ls -d {manifest.node_folder}.partial 2>/dev/null || true") == ""
    assert out(host, LOOK) == ""


def out(host: Host, script: str) -> str:
    return run_or_raise(host, Command(script, "a test")).strip()


def tx_bytes(lab: Lab) -> int:
    """What this machine has sent to the lab's boxes."""
    return int(Path(f"/sys/class/net/{lab.bridge}/statistics/tx_bytes").read_text())


@contextmanager
def each_closed(hosts: Sequence[Host]) -> Iterator[Sequence[Host]]:
    with ExitStack() as stack:
        for host in hosts:
            stack.callback(host.close)
        yield hosts
