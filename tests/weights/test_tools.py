"""libtorrent's wheels in a store: only those that the kit pins, and as it pins them."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.weights.objects import StoreError
from freehold.weights.open import create_store
from freehold.weights.store import Store
from freehold.weights.tools import (
    PREFIX,
    Wheel,
    put_wheels,
    read_wheel,
    wheel_for,
    wheels,
)
from tests.apply.fanning import cached_wheels


def unheard(_size_bytes: int) -> None:
    pass


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")


@pytest.fixture
def own() -> Wheel:
    return next(wheel for wheel in wheels() if wheel.fits("cp311", "x86_64"))


def test_there_is_one_wheel_for_each_python_on_each_machine() -> None:
    pythons = {"cp39", "cp310", "cp311", "cp312", "cp313"}
    fitting = {
        (python, machine): [wheel for wheel in wheels() if wheel.fits(python, machine)]
        for python in pythons
        for machine in ("x86_64", "aarch64")
    }
    assert [len(found) for found in fitting.values()] == [1] * 10
    assert len(wheels()) == 10
    assert not any(wheel.fits("", "x86_64") for wheel in wheels())


def test_a_wheel_is_found_once_it_was_put(store: Store, own: Wheel) -> None:
    assert wheel_for(store.objects, "cp311", "x86_64") is None
    put = put_wheels(store.objects, cached_wheels(), unheard)
    assert own in put
    assert wheel_for(store.objects, "cp311", "x86_64") == own
    assert read_wheel(store.objects, own) == (cached_wheels() / own.name).read_bytes()
    assert wheel_for(store.objects, "cp314", "x86_64") is None


def test_a_wheel_that_is_not_the_pinned_one_is_not_put(
    store: Store, own: Wheel, tmp_path: Path
) -> None:
    (tmp_path / own.name).write_bytes(b"another")
    with pytest.raises(StoreError):
        put_wheels(store.objects, tmp_path, unheard)
    assert store.objects.names(PREFIX) == []


def test_a_store_that_gives_out_another_wheel_is_not_believed(store: Store, own: Wheel) -> None:
    store.objects.put(PREFIX + own.name, b"another")
    with pytest.raises(StoreError, match=f"expected sha256 {own.sha256}"):
        read_wheel(store.objects, own)


def test_a_folder_without_wheels_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="expected wheels of libtorrent"):
        put_wheels(store.objects, tmp_path, unheard)
