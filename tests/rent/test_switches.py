"""Each of the three switches ends an instance while the other two are off."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from freehold import lab
from freehold.rent.reap import reap
from freehold.rent.regions import regions
from freehold.rent.user_data import user_data
from tests.aws.boot import boots
from tests.aws.world import World
from tests.deadline import in_time
from tests.rent.leftovers import never, reserve
from tests.rent.stage import Stage, make_schedule, staged

RUNS_S = 15
"""Of a lease that ends while its node is up; a boot takes less on an idle machine."""


@pytest.fixture
def stage(world: World, tmp_path: Path) -> Stage:
    """A lease of 4 hours."""
    reserve(world)
    return staged(world, tmp_path)


def launch_as_a_dead_node(stage: Stage) -> None:
    """An instance that never boots: its own timer does not run."""
    stage.launch()
    assert stage.billing


def turn_schedule_off(stage: Stage) -> None:
    """It is there, and never fires."""
    client = stage.world.aws().client("scheduler", "us-east-1")
    client.delete_schedule(Name=stage.lease.name)
    make_schedule(stage.world, "us-east-1", stage.lease, State="DISABLED")


def test_with_none_of_them_it_bills_on(stage: Stage) -> None:
    launch_as_a_dead_node(stage)
    turn_schedule_off(stage)
    stage.world.clock.set(stage.lease.deadline + timedelta(hours=1))
    assert stage.world.fire_schedules() == ()
    assert len(stage.billing) == 1


def test_the_schedule_alone_ends_it(stage: Stage) -> None:
    launch_as_a_dead_node(stage)
    stage.world.clock.set(stage.lease.deadline)
    stage.world.fire_schedules()
    assert stage.billing == ()


def test_a_reap_alone_ends_it(stage: Stage) -> None:
    launch_as_a_dead_node(stage)
    turn_schedule_off(stage)
    stage.world.clock.set(stage.lease.deadline)
    aws = stage.world.aws()
    reap(aws, regions(aws), stage.world.clock(), pause=never)
    assert stage.billing == ()


def test_the_nodes_own_timer_alone_ends_it(stage: Stage) -> None:
    if reason := lab.unsupported():
        pytest.skip(reason)
    now = stage.world.clock()
    text = user_data(now + timedelta(seconds=RUNS_S), now - timedelta(hours=1))
    often = text.replace("OnUnitInactiveSec=1min", "OnUnitInactiveSec=1s")
    assert often != text
    with boots(stage.world, 1, lab.default_state_dir().with_name("lab-tests")) as booting:
        made = stage.launch(user_data=often)
        turn_schedule_off(stage)
        box = booting.box(made.instance_id)
        assert in_time(box.is_running)
        assert in_time(lambda: stage.billing == (), 60)
        assert not box.is_running()
        assert "the lease is over: this machine ends itself" in (
            box.folder / "console.log"
        ).read_text(errors="replace")
