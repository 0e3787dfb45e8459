"""Memory by context: the curve that is drawn, and where it ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from freehold.catalog.hardware import hardware_of
from freehold.catalog.models import catalogue_header
from freehold.sizing.choose import lay_out
from freehold.sizing.curve import context_curve, usable_bytes
from freehold.sizing.layout import Layout, Mode
from freehold.sizing.shape import shape_of
from freehold.sizing.wishes import Wishes

MACHINES = {
    "4x RTX 3090 + 192 GB": Mode.EXPERTS_IN_RAM,
    "mac studio m3 ultra 256": Mode.DEVICES,
    "300 GB RAM": Mode.HOST,
}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_curve_rises_and_the_largest_context_is_where_it_stops_fitting(machine: str) -> None:
    model = shape_of(catalogue_header("glm-5.2", "UD-IQ2_M"), "glm-5.2", "UD-IQ2_M")
    hardware, wishes = hardware_of(machine), Wishes()
    layout = lay_out(model, hardware, wishes)
    assert isinstance(layout, Layout)
    assert layout.mode is MACHINES[machine]
    curve = context_curve(layout, wishes, "f16")
    assert all(less < more for (_, less), (_, more) in pairwise(curve.points))
    assert curve.points[-1][0] == model.context_max_tokens
    largest = curve.largest_tokens
    assert largest is not None
    at_most = max(size for tokens, size in curve.points if tokens <= largest)
    assert at_most <= usable_bytes(layout)
    for tokens, fits in ((largest, True), (largest + 256, False)):
        asked = replace(wishes, context_tokens=tokens, cache_type="f16")
        answer = lay_out(model, hardware, asked)
        is_same_mode = isinstance(answer, Layout) and answer.mode is layout.mode
        assert is_same_mode is fits
