"""The speed model's data file: complete, sourced, and in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from freehold.catalog.calibration import calibration
from freehold.catalog.data_file import data_file
from freehold.gguf.tensor import BLOCKS
from freehold.sizing.hardware import Backend

SLOWER_WHEN_LARGER = {"block_ms", "hop_ms", "handover_ms"}


def constants(data: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every one of the file, by the last part of its name."""
    if isinstance(data, dict) and "slow" in data:
        yield name, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from constants(value, key)
    elif isinstance(data, list):
        for value in data:
            yield from constants(value, name)


def test_every_constant_has_a_source_and_its_ends_in_order() -> None:
    found = list(constants(data_file("calibration.yaml")))
    assert len(found) > 30
    for name, each in found:
        assert each["source"].strip(), name
        ends = [each["slow"], each["expected"], each["fast"]]
        assert ends == sorted(ends, reverse=name in SLOWER_WHEN_LARGER), name
        assert min(ends) > 0, name


def test_an_estimate_has_wide_ends() -> None:
    for name, each in constants(data_file("calibration.yaml")):
        if each["source"].startswith("estimate") and each["expected"] != 1:
            ends = sorted((each["slow"], each["fast"]))
            assert ends[1] / ends[0] >= 1.5, (name, each)


def test_every_back_end_has_its_constants() -> None:
    assert set(calibration().backends) == set(Backend)


def test_rates_are_of_types_that_ggml_has() -> None:
    host = calibration().host
    assert set(host.elements_g_per_s) <= set(BLOCKS)
    assert host.elements_source.startswith("measured")
    assert all(rate > 0 for rate in host.elements_g_per_s.values())


def test_a_draft_is_kept_less_often_the_later_it_comes() -> None:
    rates = [each.expected for each in calibration().drafts.accepted]
    assert rates == sorted(rates, reverse=True)
    assert all(0 < rate < 1 for rate in rates)
