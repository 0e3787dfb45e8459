"""`fab weights.fetch`, as a person calls it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.playbooks.conftest import Fab
from tests.weights.fetching import shards
from tests.weights.hub_server import COMMIT, Fault, HubServer, serving


@pytest.fixture
def hub() -> Iterator[HubServer]:
    files = shards(2)
    plain = {f"/{path}": content for path, content in files.items()}
    with serving(HubServer(commits={COMMIT: files}, files=plain)) as server:
        yield server


def test_weights_of_a_hub_are_fetched_and_listed(fab: Fab, hub: HubServer, tmp_path: Path) -> None:
    to, at = ("--store", str(tmp_path / "store")), {"HF_ENDPOINT": hub.url}
    include = ("--include", "UD-Q2/*", "--name", "m")
    done = fab("weights.fetch", "hf:owner/model", *include, *to, **at).must()
    assert done.lines[0].startswith("m: 2 files, 6,29")
    assert f"  revision {COMMIT}" in done.lines
    assert "fetching m: 100 % of 6 MB" in done.err
    assert "adding m: 100 % of 6 MB" in done.err
    (listed,) = fab("weights.list", *to).must().lines
    assert "origin hf:owner/model" in listed


def test_weights_behind_a_url_are_fetched(fab: Fab, hub: HubServer, tmp_path: Path) -> None:
    url = f"{hub.url}/UD-Q2/m-00001-of-00002.gguf"
    done = fab("weights.fetch", url, "--name", "m", "--store", str(tmp_path / "store")).must()
    assert done.lines[0].startswith("m: 2 files")
    assert "  sha256 not declared by the origin" in done.lines


def test_wrong_bytes_end_it_with_the_files_name(fab: Fab, hub: HubServer, tmp_path: Path) -> None:
    hub.faults["UD-Q2/m-00002-of-00002.gguf"] = [Fault("flip", 1_500_000)]
    to, at = ("--store", str(tmp_path / "store")), {"HF_ENDPOINT": hub.url}
    done = fab("weights.fetch", "hf:owner/model", "--name", "m", *to, **at).must(1)
    assert "\nhf:owner/model/UD-Q2/m-00002-of-00002.gguf: expected sha256" in done.err
    assert done.err.splitlines()[-1].startswith("Hint: it was removed; fetch again")
    assert fab("weights.list", *to).must().out.endswith("no weights yet\n")


def test_a_client_that_is_told_to_stay_offline_says_so(
    fab: Fab, hub: HubServer, tmp_path: Path
) -> None:
    at = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "1"}
    done = fab("weights.fetch", "hf:a/b", "--name", "m", "--store", str(tmp_path), **at).must(1)
    assert "hf:a/b: expected the hub's list of files, got HF_HUB_OFFLINE" in done.err
    assert hub.requests == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("README.md",), "Hint: fab weights.put takes what lies on a disk"),
        (("hf:owner",), "hf:owner: expected hf:OWNER/REPO or hf:OWNER/REPO@REVISION"),
        (("hf:a/b", "--sha256", "00"), "--sha256: expected none: the hub declares them itself"),
        (("https://h/m.gguf", "--include", "*"), "--include: expected none but of hf:"),
    ],
)
def test_what_is_no_origin_is_refused(
    fab: Fab, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = fab("weights.fetch", *arguments, "--name", "m", "--store", str(tmp_path))
    assert words in done.must(1).err
