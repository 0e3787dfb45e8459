"""What the guard decides: one step at a time, back much later, and never to and fro."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.warden.policy import (
    BLIND_S,
    CONFIRM_S,
    FROZEN_S,
    Reading,
    Rules,
    State,
    Supply,
    decide,
)  # fmt: skip

RULES = Rules(("power 85", "power 70", "stop"), {"gpu": 90.0, "disk": 80.0}, 10.0, 60.0, 600.0)
TICK_S = 5.0


class Course:
    """A guard that is told something every five seconds; the rungs it was on, by the time."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules, self.state, self.now_s = rules, State(), 1000.0
        self.changes: list[tuple[float, int]] = []
        self.lines: list[str] = []

    def tell(
        self,
        gpu: float | None,
        for_s: float = TICK_S,
        *,
        others: Iterable[Reading] = (),
        throttled: bool = False,
        supply: Supply | None = None,
    ) -> Course:
        for _ in range(max(1, round(for_s / TICK_S))):
            readings = [Reading("GPU 0", "gpu", gpu), *others]
            before = self.state.rung
            self.state, line = decide(
                self.rules, self.state, readings, throttled, supply, self.now_s
            )
            assert (line is not None) == (self.state.rung != before)
            if line:
                self.changes.append((self.now_s, self.state.rung))
                self.lines.append(line)
            self.now_s += TICK_S
        return self

    @property
    def rungs(self) -> list[int]:
        return [rung for _, rung in self.changes]


def test_what_is_cool_is_left_alone() -> None:
    assert Course().tell(70, 86_400).changes == []


def test_one_hot_reading_is_nothing() -> None:
    assert Course().tell(70, 60).tell(96).tell(70, 600).changes == []


def test_heat_that_stays_goes_up_one_rung_at_a_time() -> None:
    course = Course().tell(70, 60).tell(95, 600)
    assert course.rungs == [1, 2, 3]
    times = [at_s for at_s, _ in course.changes]
    assert times[0] == 1060 + CONFIRM_S
    assert [b - a for a, b in itertools.pairwise(times)] == [60, 60]
    assert course.lines[0] == "up from rung 0 to 1: GPU 0 at 95 C"


def test_warm_is_neither_up_nor_down() -> None:
    course = Course().tell(95, 20).tell(85, 86_400)
    assert course.rungs == [1]


def test_cool_goes_down_one_rung_at_a_time_after_a_long_wait() -> None:
    course = Course().tell(95, 150).tell(60, 3600)
    assert course.rungs == [1, 2, 3, 2, 1, 0]
    down = [at_s for at_s, _ in course.changes[3:]]
    assert [b - a for a, b in itertools.pairwise(down)] == [600, 600]


def test_heat_that_comes_back_is_waited_out_longer_each_time() -> None:
    course, waits = Course(), []
    for _ in range(4):
        course.tell(95, 15)
        up_s = course.changes[-1][0]
        while course.state.rung:
            course.tell(60)
        waits.append(course.changes[-1][0] - up_s)
    assert waits[0] < waits[1] < waits[2] < waits[3]


def test_a_disk_has_a_limit_of_its_own_and_what_has_none_is_not_guarded() -> None:
    hot_disk = [Reading("nvme/Composite", "disk", 82.0)]
    assert Course().tell(60, 30, others=hot_disk).rungs == [1]
    assert Course().tell(60, 600, others=[Reading("x", "cpu", 120.0)]).rungs == []


def test_the_hardwares_own_slowdown_lowers_power_and_never_stops() -> None:
    assert Course().tell(70, 86_400, throttled=True).rungs == [1, 2]


def test_a_sensor_that_falls_silent_lowers_power_and_never_stops() -> None:
    course = Course().tell(70, 60).tell(None, BLIND_S - TICK_S)
    assert course.changes == []
    course.tell(None, 86_400)
    assert course.rungs == [1, 2]
    assert "nothing tells the temperature of gpu" in course.lines[0]
    assert course.tell(60, 86_400).state.rung == 0


def test_one_that_never_told_anything_is_no_danger() -> None:
    assert Course().tell(None, 86_400).changes == []


def test_a_short_silence_is_not_taken_for_cool() -> None:
    course = Course().tell(95, 15)
    for _ in range(400):
        course.tell(None, 30).tell(75, 5)
    assert course.rungs == [1]


def test_a_value_frozen_at_hot_does_not_stop_a_server_that_is_cool() -> None:
    """It does what it must while it can be believed; then the others are believed alone."""
    course = Course(RULES._replace(rungs=("power 85",)))
    for minute in range(300):
        other = 50.0 + minute % 30
        course.tell(95, 60, others=[Reading("GPU 1", "gpu", other)])
    assert course.rungs == [1, 0]
    assert course.changes[1][0] - 1000 > FROZEN_S


def test_values_that_stand_still_together_are_believed() -> None:
    course = Course().tell(70, 3 * FROZEN_S, others=[Reading("GPU 1", "gpu", 70.0)])
    assert course.changes == []
    assert course.tell(95, 15, others=[Reading("GPU 1", "gpu", 70.0)]).rungs == [1]


MAINS, BATTERY, LOW = Supply(False, False), Supply(True, False), Supply(True, True)


def test_a_low_ups_stops_at_once_and_mains_bring_it_back_later() -> None:
    course = Course().tell(60, 60, supply=MAINS).tell(60, 600, supply=BATTERY)
    assert course.changes == []
    course.tell(60, 5, supply=LOW)
    assert course.rungs == [3]
    course.tell(60, 600, supply=BATTERY)
    assert course.rungs == [3]
    course.tell(60, 3600, supply=MAINS)
    assert course.rungs == [3, 2, 1, 0]


def test_a_ups_that_falls_silent_on_battery_is_low_and_on_mains_is_nothing() -> None:
    assert Course().tell(60, 60, supply=MAINS).tell(60, 86_400).changes == []
    course = Course().tell(60, 60, supply=BATTERY).tell(60, BLIND_S + TICK_S)
    assert course.rungs == [3]


def test_a_guard_without_rungs_does_nothing() -> None:
    course = Course(RULES._replace(rungs=()))
    assert course.tell(119, 3600, supply=LOW, throttled=True).changes == []


temperatures = st.one_of(st.none(), st.floats(20, 130), st.sampled_from([89.9, 90.0, 80.0, 79.9]))
supplies = st.sampled_from([None, None, MAINS, BATTERY, LOW])
told = st.tuples(temperatures, temperatures, st.booleans(), supplies, st.integers(1, 400))


@settings(max_examples=150, deadline=None)
@given(st.lists(told, max_size=25))
@pytest.mark.filterwarnings("error")
def test_whatever_it_is_told_it_never_flaps(program: list[tuple]) -> None:  # type: ignore[type-arg]
    course = Course()
    for gpu, disk, throttled, supply, ticks in program:
        course.tell(
            gpu,
            ticks * TICK_S,
            others=[Reading("nvme/Composite", "disk", disk)],
            throttled=throttled,
            supply=supply,
        )
    rungs = [0, *course.rungs]
    assert all(0 <= rung <= len(RULES.rungs) for rung in rungs)
    times = [at_s for at_s, _ in course.changes]
    is_jump = [line.endswith("on battery") for line in course.lines]
    for index in range(1, len(rungs)):
        step, jump = rungs[index] - rungs[index - 1], is_jump[index - 1]
        assert abs(step) == 1 or (jump and step > 0)
        waited_s = times[index - 1] - times[index - 2] if index > 1 else None
        if waited_s is None or jump:
            continue
        if step < 0:
            assert waited_s >= RULES.recover_s
        elif rungs[index - 1] > 0:
            assert waited_s >= RULES.dwell_s
    # To and fro: whoever went up waits the whole time before it goes down, whatever came between.
    downs = sum(b < a for a, b in itertools.pairwise(rungs))
    assert downs <= (course.now_s - 1000) / RULES.recover_s
