"""Measurements in a store's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from freehold.catalog.measurements import Measurements
from freehold.errors import FreeholdError
from freehold.weights.objects import StoreError
from freehold.weights.open import open_store
from tests.sizing.test_speed import MEASURED

SUBJECT = MEASURED.subject


def test_what_was_kept_is_found(tmp_path: Path) -> None:
    path = Path(Measurements(open_store(tmp_path)).keep(MEASURED))
    assert path.parent == tmp_path / "measured"
    assert Measurements(open_store(tmp_path)).find(SUBJECT) == MEASURED
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_the_last_one_replaces_the_one_before(tmp_path: Path) -> None:
    kept = Measurements(open_store(tmp_path))
    kept.keep(MEASURED)
    kept.keep(replace(MEASURED, decode_tokens_per_s=11.0))
    found = kept.find(SUBJECT)
    assert found is not None
    assert found.decode_tokens_per_s == 11


@pytest.mark.parametrize("part", ["hardware", "engine", "weights", "flags"])
def test_it_holds_for_exactly_what_was_measured(tmp_path: Path, part: str) -> None:
    kept = Measurements(open_store(tmp_path))
    assert kept.find(SUBJECT) is None
    kept.keep(MEASURED)
    assert kept.find(replace(SUBJECT, **{part: "another"})) is None


DAMAGED = {
    "empty": "",
    "no JSON": "{",
    "a list": "[]",
    "another object": "{}",
    "a subject of text": '{"subject": "x"}',
    "a speed of text": None,
    "no speed": None,
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_file_is_named(tmp_path: Path, what: str) -> None:
    kept = Measurements(open_store(tmp_path))
    path = Path(kept.keep(MEASURED))
    text = path.read_text()
    text = DAMAGED[what] or text.replace("10.0", '"fast"' if what == "a speed of text" else "0.0")
    path.write_text("" if what == "empty" else text)
    with pytest.raises(FreeholdError) as caught:
        kept.find(SUBJECT)
    assert str(caught.value).startswith(f"{path}: expected a measurement, got ")
    assert "remove the file" in str(caught.value)


def test_a_file_under_another_name_is_refused(tmp_path: Path) -> None:
    kept = Measurements(open_store(tmp_path))
    other = replace(SUBJECT, weights="another")
    Path(kept.keep(MEASURED)).rename(tmp_path / "measured" / f"{other.key}.json")
    with pytest.raises(FreeholdError, match=r"expected a measurement of .*another.*, got one of"):
        kept.find(other)


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "measured").write_text("a file in the way")
    with pytest.raises(StoreError) as caught:
        Measurements(open_store(tmp_path)).keep(MEASURED)
    assert str(caught.value).startswith(f"{tmp_path}/measured: ")
