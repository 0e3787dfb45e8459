"""A fetch whose process is killed, whose disk is full: the next one asks for the rest alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.weights.manifest import Kind
from freehold.weights.open import create_store
from freehold.weights.store import Store
from tests.deadline import in_time
from tests.weights.fetching import contents, fetch, incoming, of_hub, shards
from tests.weights.hub_server import COMMIT, Fault, HubServer, serving

ROOT = Path(__file__).parents[2]
SOME = 1_500_000
NAMES = [f"UD-Q2/m-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
FETCH = """
import sys
from freehold.errors import FreeholdError
from freehold.weights.fetch import add_fetched, fetch_files
from freehold.weights.hub import hub_origin
from freehold.weights.open import create_store
from freehold.weights.retry import Patience
from freehold.weights.staging import staging_of

endpoint, folder, ballast = sys.argv[1:]
store, patience, heard = create_store(folder), Patience(timeout_s=2), 0
origin = hub_origin("hf:owner/model", ["UD-Q2/*"], patience, print, endpoint)

def hear(size_bytes):
    # The disk gets full while files come in.
    global heard
    heard += size_bytes
    if ballast and heard > 2_000_000:
        try:
            with open(ballast, "ab", buffering=0) as file:
                while file.write(bytes(1 << 20)):
                    pass
        except OSError:
            pass

with staging_of(store, "m") as staging:
    try:
        hashes = fetch_files(store, origin, staging, hear, patience)
    except FreeholdError as error:
        sys.exit(str(error))
    add_fetched(store, origin, staging, "m", {}, hashes, lambda size: None)
"""


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with serving(HubServer(commits={COMMIT: shards(3)})) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")


def started(hub: HubServer, folder: str, ballast: str = "", *before: str) -> subprocess.Popen[str]:
    argv = [*before, sys.executable, "-c", FETCH, hub.url, folder, ballast]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(argv, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)


def size(hub: HubServer) -> int:
    return sum(map(len, hub.commits[COMMIT].values()))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_fetch_that_was_ended_goes_on_where_it_was(
    hub: HubServer, store: Store, number: int
) -> None:
    hub.faults = {name: [Fault("stall", SOME)] for name in NAMES}
    with started(hub, store.place) as process:
        assert in_time(lambda: [p.stat().st_size for p in incoming(store)] == [SOME] * 3)
        process.send_signal(number)
        process.communicate(timeout=20)
    assert process.returncode != 0
    assert store.set_names(Kind.WEIGHTS) == []
    hub.faults, before = {}, hub.sent_bytes
    manifest = fetch(store, of_hub(hub))
    assert hub.sent_bytes - before == size(hub) - 3 * SOME
    assert sorted(contents(store, manifest).values()) == sorted(hub.commits[COMMIT].values())
    assert incoming(store) == []


def test_what_came_of_another_version_is_kept_where_it_is_the_same(
    hub: HubServer, store: Store
) -> None:
    hub.faults = {name: [Fault("stall", SOME)] for name in NAMES}
    with started(hub, store.place) as process:
        assert in_time(lambda: [p.stat().st_size for p in incoming(store)] == [SOME] * 3)
        process.kill()
        process.communicate(timeout=20)
    hub.faults, before = {}, hub.sent_bytes
    hub.commits[COMMIT][NAMES[1]] = shards(3)[NAMES[1]]
    fetch(store, of_hub(hub))
    assert hub.sent_bytes - before == size(hub) - 2 * SOME


def test_a_disk_with_too_little_room_is_refused_before_the_first_byte(
    hub: HubServer, tmp_path: Path
) -> None:
    code, error = on_small_disk(hub, tmp_path, "70m", "")
    assert code != 0
    assert "expected room for 76,5" in error
    assert hub.sent_bytes == 0


def test_a_disk_that_gets_full_meanwhile_is_said_and_what_came_is_kept(
    hub: HubServer, tmp_path: Path
) -> None:
    code, error = on_small_disk(hub, tmp_path, "90m", f"{tmp_path}/disk/ballast")
    assert code != 0
    assert (
        f"{tmp_path}/disk/store/incoming/m: expected to write to the disk, got: No space" in error
    )
    assert error.count("expected") == 1
    assert "what came is kept" in error
    assert "left 3 partial files, 0 sets" in error


def on_small_disk(hub: HubServer, tmp_path: Path, room: str, ballast: str) -> tuple[int, str]:
    """Of a fetch to a file system of its own, which no other process sees."""
    if not shutil.which("unshare"):
        pytest.skip("needs unshare")
    (tmp_path / "disk").mkdir()
    script = (
        f'mount -t tmpfs -o size={room} fh-test "$0" && "$@"; code=$?; '
        'echo "left $(find "$0" -name "*.partial" | wc -l) partial files, '
        '$(find "$0" -path "*/weights/*" | wc -l) sets" >&2; exit $code'
    )
    before = ("unshare", "-rm", "sh", "-c", script, f"{tmp_path}/disk")
    with started(hub, f"{tmp_path}/disk/store", ballast, *before) as process:
        _, error = process.communicate(timeout=60)
    return process.returncode, error
