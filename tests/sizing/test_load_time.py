"""How long a cold start takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from freehold.sizing.load_time import load_time
from freehold.sizing.wishes import LoadMode
from tests.sizing.speed_layouts import CALIBRATION, GB, card, layout, machine, moe


def test_mapped_weights_are_read_at_a_share_of_the_disks_speed() -> None:
    laid = layout(moe(), machine())
    assert load_time(laid, CALIBRATION).expected == pytest.approx(20 / 2 / 0.5)
    read = replace(laid, load_mode=LoadMode.READ)
    assert load_time(read, CALIBRATION).expected == pytest.approx(20 / 2)


def test_a_slow_link_is_what_a_card_waits_for() -> None:
    laid = layout(moe(), machine(card(link_bytes_per_s=GB // 10), disk_read_bytes_per_s=1000 * GB))
    seconds = laid.devices[0].weights_bytes / (GB // 10)
    assert load_time(laid, CALIBRATION).expected == pytest.approx(seconds)


def test_at_worst_the_link_comes_after_the_disk() -> None:
    found = load_time(layout(moe(), machine(card())), CALIBRATION)
    assert found.low == found.expected < found.high


def test_unified_memory_has_no_link() -> None:
    box = machine(card(link_bytes_per_s=1.0), is_unified=True)
    assert load_time(layout(moe(), box), CALIBRATION).high == pytest.approx(20)
