"""Why the bytes are not fetched by huggingface_hub's own download: what it does with two faults.

Where one of these fails, hub.py's reason is gone: see whether its own download will do now.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deadline import in_time
from tests.weights.fetching import model_file
from tests.weights.hub_server import COMMIT, Fault, HubServer, serving, sha256

DOWNLOAD = """
import sys
from huggingface_hub import hf_hub_download
hf_hub_download("owner/model", "m.gguf", local_dir=sys.argv[1])
"""


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with serving(HubServer(commits={COMMIT: {"m.gguf": model_file()}})) as server:
        # Another host, as a CDN is: its own client follows redirects of the same one otherwise.
        server.location = f"http://localhost:{server.port}"
        yield server


def started(hub: HubServer, folder: Path) -> subprocess.Popen[bytes]:
    env = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "home")}
    argv = [sys.executable, "-c", DOWNLOAD, str(folder)]
    return subprocess.Popen(argv, env=env, stderr=subprocess.DEVNULL)


def test_its_own_download_takes_wrong_bytes_for_a_success(hub: HubServer, tmp_path: Path) -> None:
    hub.faults["m.gguf"] = [Fault("flip", 1_500_000)]
    with started(hub, tmp_path) as process:
        assert process.wait(60) == 0
    assert sha256((tmp_path / "m.gguf").read_bytes()) != sha256(hub.commits[COMMIT]["m.gguf"])


def test_its_own_download_begins_from_zero_after_a_kill(hub: HubServer, tmp_path: Path) -> None:
    hub.faults["m.gguf"] = [Fault("stall", 1_500_000)]
    with started(hub, tmp_path) as process:
        assert in_time(hub.stalled.is_set, 60)
        process.kill()
    before = hub.sent_bytes
    with started(hub, tmp_path) as process:
        assert process.wait(60) == 0
    assert hub.sent_bytes - before == len(hub.commits[COMMIT]["m.gguf"])
