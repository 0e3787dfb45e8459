"""When a measurement is of the same thing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from freehold.sizing.hardware import Hardware
from freehold.sizing.measurement import Subject, subject_of
from tests.sizing.speed_layouts import GB, card, machine

FLAGS = (("--n-gpu-layers", "99"), ("--no-repack",))
BOX = machine(card())


def subject(hardware: Hardware = BOX) -> Subject:
    return subject_of(hardware, "engine", "weights", FLAGS)


@pytest.mark.parametrize(
    "same",
    [
        replace(BOX, name="another name"),
        replace(BOX, ram_available_bytes=GB, usd_per_hour=3.0, watts=500.0),
        replace(BOX, ram_bytes=BOX.ram_bytes - 100_000_000),
        replace(BOX, devices=(card(free_bytes=GB),)),
    ],
)
def test_a_machine_stays_the_same(same: Hardware) -> None:
    assert subject(same).key == subject().key


@pytest.mark.parametrize(
    "other",
    [
        replace(BOX, ram_bytes=256 * GB),
        replace(BOX, cores=16),
        replace(BOX, arch="aarch64"),
        replace(BOX, devices=(card(), card(1))),
        replace(BOX, devices=(card(model="another card"),)),
    ],
)
def test_a_machine_is_another(other: Hardware) -> None:
    assert subject(other).key != subject().key


def test_other_flags_are_another_subject() -> None:
    joined = subject_of(BOX, "engine", "weights", (("--n-gpu-layers", "99", "--no-repack"),))
    assert joined.key != subject().key
