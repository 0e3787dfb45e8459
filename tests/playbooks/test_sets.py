"""Weights and engine builds, into a store and out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.parts import ENGINE, WEIGHTS
from freehold.weights.manifest import Kind
from freehold.weights.store import Store
from tests.playbooks.conftest import Fab

TASKS = [
    "weights.put", "weights.list", "weights.sync", "weights.verify",
    "weights.remove", "weights.gc", "weights.bucket",
    "engine.put", "engine.list", "engine.help", "engine.remove",
    "service.status", "service.start", "service.stop", "service.restart", "service.logs",
    "service.ask", "node.facts", "node.doctor", "node.drift",
    "lab.up", "lab.down", "lab.list", "lab.shell",
]  # fmt: skip


@pytest.fixture(scope="module")
def model(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small real model, as a file."""
    path = tmp_path_factory.mktemp("model") / "small.gguf"
    path.write_bytes(b"".join(store.read(store.manifest(Kind.WEIGHTS, WEIGHTS).files[0])))
    return path


def test_fab_lists_every_task_with_a_line_about_it(fab: Fab) -> None:
    lines = {line.split()[0]: line.split()[1:] for line in fab("-l").must().lines if line.strip()}
    assert set(TASKS) <= set(lines)
    assert [task for task in TASKS if not lines[task]] == []


def test_weights_that_were_put_are_listed(fab: Fab, model: Path, tmp_path: Path) -> None:
    to = ("--store", str(tmp_path / "store"))
    put = fab("weights.put", str(model), "--name", "small", "--about", "licence=Apache-2.0", *to)
    assert "small: 1 files, 98,362,432 bytes" in put.must().out
    assert "100 % of 98 MB" in put.err
    (listed,) = fab("weights.list", *to).must().lines
    assert listed.startswith("small  98,362,432 bytes")
    assert "licence Apache-2.0" in listed
    (known,) = fab("weights.list", "--json", *to).must().json()
    assert (known["name"], known["about"]["architecture"]) == ("small", "llama")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (lambda model: model[: len(model) // 2], "the file is cut short"),
        (lambda model: model[:1000], "cut short"),
        (lambda model: b"PK\x03\x04" + model[:1000], "expected a GGUF file"),
        (lambda model: model[:0], "GGUF"),
    ],
    ids=["half of it", "the header's beginning", "a zip archive", "nothing"],
)
def test_what_is_no_whole_gguf_file_is_refused_and_not_named(
    fab: Fab, model: Path, tmp_path: Path, content: object, told: str
) -> None:
    bad, to = tmp_path / "bad.gguf", ("--store", str(tmp_path / "store"))
    bad.write_bytes(content(model.read_bytes()))  # type: ignore[operator]
    refused = fab("weights.put", str(bad), "--name", "bad", *to).must(1)
    assert f"{bad}: " in refused.err
    assert told in refused.err
    assert "no weights yet" in fab("weights.list", *to).must().out


def test_an_engine_is_put_with_its_help_and_a_folder_without_one_is_refused(
    fab: Fab, store: Store, tmp_path: Path
) -> None:
    build, to = tmp_path / "build", ("--store", str(tmp_path / "store"))
    build.mkdir()
    refused = fab("engine.put", str(build), "--name", "mine", *to).must(1)
    assert "expected a folder with llama-server, found none in it" in refused.err
    for file in store.manifest(Kind.ENGINE, ENGINE).files:
        path = build / file.path
        path.write_bytes(b"".join(store.read(file)))
        path.chmod(0o755)
    fab("engine.put", str(build), "--name", "mine", *to).must()
    assert fab("engine.list", *to).must().out.startswith("mine  ")
    assert "--ctx-size" in fab("engine.help", "--name", "mine", *to).must().out


def test_a_store_that_is_not_there_is_an_error_with_a_hint(fab: Fab, tmp_path: Path) -> None:
    said = fab("weights.list", "--store", str(tmp_path / "gone")).must(1)
    assert f"{tmp_path}/gone: expected the store's folder, found nothing" in said.err
    assert "Hint: " in said.err
