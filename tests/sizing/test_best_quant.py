"""Which quant of a model is the best that fits."""

from __future__ import annotations

import pytest

from freehold.catalog.calibration import calibration
from freehold.catalog.hardware import hardware_of
from freehold.catalog.models import catalogue_header
from freehold.sizing.best_quant import Rated, best, rate
from freehold.sizing.layout import Layout, Mode
from freehold.sizing.shape import shape_of
from freehold.sizing.wishes import Wishes

NAMES = ("Q8_0", "UD-Q4_K_M", "UD-IQ2_M")
MODELS = [shape_of(catalogue_header("glm-5.2", name), "glm-5.2", name) for name in NAMES]


def rated_on(machine: str, wishes: Wishes = Wishes()) -> tuple[Rated, ...]:  # noqa: B008 - frozen
    return rate(MODELS, hardware_of(machine), wishes, calibration())


@pytest.mark.parametrize(
    ("machine", "on_devices", "at_all"),
    [
        ("p5.48xlarge", "UD-Q4_K_M", "Q8_0"),
        ("p5en.48xlarge", "Q8_0", "Q8_0"),
        ("4x RTX 3090 + 192 GB", None, "UD-IQ2_M"),
        ("24 GB card + 64 GB RAM", None, None),
    ],
)
def test_the_best_is_the_largest_on_the_devices_or_at_all(
    machine: str, on_devices: str | None, at_all: str | None
) -> None:
    rated = rated_on(machine)
    found = (best(rated, on_devices_alone=True), best(rated))
    assert tuple(each and each.model.quant for each in found) == (on_devices, at_all)


def test_what_does_not_fit_has_no_speed_and_no_context() -> None:
    for each in rated_on("4x RTX 3090 + 192 GB"):
        fits = isinstance(each.answer, Layout)
        assert (each.mode is not None, each.speed is not None) == (fits, fits)
        assert (each.context_max_tokens is not None) is fits


def test_the_largest_context_is_told_whatever_context_is_asked_for() -> None:
    machine = "mac studio m3 ultra 256"
    asked, left_open = rated_on(machine), rated_on(machine, Wishes(context_tokens=None))
    assert asked[-1].mode is Mode.DEVICES
    assert asked[-1].context_max_tokens == left_open[-1].answer.run.context_tokens
    assert left_open[-1].context_max_tokens == left_open[-1].answer.run.context_tokens
