"""A manifest that could place a file elsewhere, or over another, is refused."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from freehold.weights.manifest import FileEntry, Kind, Manifest

FILE = FileEntry("deep/m.gguf", 3, "a" * 64, "b" * 64)
MANIFEST = Manifest(Kind.WEIGHTS, "m", FILE.path, (FILE,), {"licence": "MIT"})


def changed(**values: Any) -> str:
    return json.dumps({**json.loads(MANIFEST.to_json()), **values})


def with_file(**values: Any) -> str:
    return changed(files=[{**dataclasses.asdict(FILE), **values}])


def test_a_manifest_comes_back_as_it_was_kept() -> None:
    assert Manifest.of_json(MANIFEST.to_json()) == MANIFEST


@pytest.mark.parametrize(
    "path",
    ["../m.gguf", "/etc/passwd", "a/../b", "a//b", "./m", ".freehold-proof", "a/.x", "a b", ""],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path: expected"):
        Manifest.of_json(with_file(path=path))


@pytest.mark.parametrize("second", ["deep/m.gguf", "deep", "deep/m.gguf/inside"])
def test_two_files_in_one_place_are_refused(second: str) -> None:
    files = [dataclasses.asdict(FILE), {**dataclasses.asdict(FILE), "path": second}]
    with pytest.raises(ValueError, match="each path once, none inside another"):
        Manifest.of_json(changed(files=files))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        with_file(size_bytes=-1),
        with_file(size_bytes="3"),
        with_file(sha256="A" * 64),
        with_file(pieces_root=""),
        with_file(link="/etc/shadow"),
        changed(name="../m"),
        changed(kind="devices"),
        changed(entry="other"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of every kind
        Manifest.of_json(text)
