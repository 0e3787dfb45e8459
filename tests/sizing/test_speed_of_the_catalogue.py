"""GLM-5.2 of the catalogue on real machines: what must hold whatever the constants are."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from freehold.catalog.calibration import calibration
from freehold.catalog.hardware import hardware_of
from freehold.catalog.models import catalogue_header
from freehold.sizing.choose import lay_out
from freehold.sizing.hardware import Hardware
from freehold.sizing.layout import Layout
from freehold.sizing.shape import shape_of
from freehold.sizing.speed import Speed, predict_speed
from freehold.sizing.wishes import Wishes

MODEL, QUANT = "glm-5.2", "UD-IQ2_M"
MACHINES = (
    "24 GB card + 300 GB RAM",
    "2x 80 GB + 512 GB",
    "8x H100",
    "8x H200",
    "mac studio m3 ultra 256",
    "mac studio m3 ultra 512",
    "4x RTX 3090 + 192 GB",
)


def laid_out(hardware: Hardware, wishes: Wishes | None = None) -> Layout:
    answer = lay_out(
        shape_of(catalogue_header(MODEL, QUANT), MODEL, QUANT), hardware, wishes or Wishes()
    )
    assert isinstance(answer, Layout)
    return answer


def of(hardware: Hardware, wishes: Wishes | None = None) -> Speed:
    return predict_speed(laid_out(hardware, wishes), calibration())


@pytest.mark.parametrize("machine", MACHINES)
def test_every_machine_has_a_speed_within_its_interval(machine: str) -> None:
    found = of(hardware_of(machine))
    for interval in (found.decode, found.decode_total, found.prompt, found.load_s):
        assert 0 < interval.low < interval.expected < interval.high
    # All active weights cannot be read faster than the memories are in all.
    read = sum(found.read_bytes.values())
    assert 15e9 < read < 40e9


@pytest.mark.parametrize("machine", MACHINES)
def test_faster_memory_is_never_slower(machine: str) -> None:
    plain = hardware_of(machine)
    faster = replace(
        plain,
        ram_bandwidth_bytes_per_s=2 * (plain.ram_bandwidth_bytes_per_s or 0),
        devices=tuple(
            replace(d, bandwidth_bytes_per_s=2 * (d.bandwidth_bytes_per_s or 0))
            for d in plain.devices
        ),
    )
    assert of(faster).decode.expected > of(plain).decode.expected


def test_eight_slots_share_what_they_decode_in_all() -> None:
    found = of(hardware_of("8x H200"), Wishes(slots=8))
    assert found.decode.expected < found.decode_total.expected < 8 * found.decode.expected


def test_a_prediction_takes_milliseconds() -> None:
    layout = laid_out(hardware_of("4x RTX 3090 + 192 GB"))
    predict_speed(layout, calibration())
    began = time.perf_counter()
    predict_speed(layout, calibration())
    assert time.perf_counter() - began < 0.05
