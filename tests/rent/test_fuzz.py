"""Random programs of what can happen to a lease: nothing that bills outlives it, and an audit never
says clean while something is left."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from freehold.errors import FreeholdError
from freehold.rent.audit import clear, exit_code
from freehold.rent.aws import Aws
from freehold.rent.book import Act, LeaseBook
from freehold.rent.launch import launch
from freehold.rent.reap import reap
from freehold.rent.record import SLACK
from freehold.rent.regions import regions
from freehold.rent.renew import renew
from freehold.rent.survey import survey
from freehold.weights.folder import FolderObjects
from tests.aws.world import World
from tests.rent.leases import Interrupted, KilledError, killed_at
from tests.rent.leftovers import Leftovers, never
from tests.rent.stage import Stage, killed_at_call, offer, staged

REGION = "us-east-1"
HOURS = 4
BLOCKS, EACH = 10, 10
FAULTS: tuple[dict[str, str], ...] = (
    {"action": "RunInstances", "code": "InsufficientInstanceCapacity"},
    {"action": "RunInstances", "when": "timeout"},
    {"action": "RunInstances", "when": "drop"},
    {"action": "DescribeInstances", "code": "RequestLimitExceeded"},
    {"action": "TerminateInstances", "when": "timeout"},
    {"action": "DeleteSecurityGroup", "code": "DependencyViolation"},
)


class Program:
    """What `seed` makes happen to one lease, in a world of its own."""

    def __init__(self, world: World, folder: Path, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - the same program each time
        self.world, self._folder = world, folder
        self._alive = world.aws()
        self.stage: Stage = staged(world, folder, (offer(), offer(zone=f"{REGION}b")), HOURS)
        self.token = self.stage.lease.token
        self._skew = timedelta(0)
        self.is_torn_down = False
        self.told: list[str] = []
        world.calls_until_running = self._chance.choice((0, 1, 2))
        world.calls_until_described = self._chance.choice((0, 0, 3))

    def run(self, steps: int) -> None:
        """So many steps; after some of them somebody looks."""
        choices: tuple[Callable[[], None], ...] = (
            self.up,
            self.up,
            self.pass_time,
            self.renew,
            self.tear_down,
            self.fault,
            self.step_clock,
            self.orphan,
        )
        for _ in range(steps):
            step = self._chance.choice(choices)
            self.told.append(step.__name__)
            # A refusal is an answer, and a kill is the point.
            with contextlib.suppress(FreeholdError, KilledError, ClientError):
                step()
            if self._chance.random() < 0.3:
                self.require_honest()

    def up(self) -> None:
        """A launch that may be killed at any call, or at any note."""
        launch(
            self._aws(),
            self._book(),
            self.stage.lease,
            self.stage.wanted,
            lambda _: None,
            clock=self._clock,
            pause=self._pause,
        )

    def pass_time(self) -> None:
        """Time goes by, and AWS's schedules with it."""
        for _ in range(self._chance.randrange(1, 4)):
            self.world.clock.advance(minutes=self._chance.randrange(5, 60))
            self.world.fire_schedules()

    def renew(self) -> None:
        """More hours, of a process that may be killed."""
        hours = self._chance.randrange(1, 4)
        renew(
            self._book(),
            self._aws(),
            self.token,
            hours,
            self._clock(),
            lambda _: None,
            rearm=lambda _: None,
            budget_usd=None,
        )

    def tear_down(self) -> None:
        """The end of the lease, as far as it comes."""
        self.is_torn_down = True
        book = self._book()
        if not book.record(self.token).is_ending:
            book.note(self.token, Act.ENDING)
        clear(self._aws(), self.token, [REGION], lambda _: None, pause=never)

    def fault(self) -> None:
        """AWS fails at the next such call."""
        self.world.faults.add(**self._chance.choice(FAULTS), times=self._chance.randrange(1, 3))

    def step_clock(self) -> None:
        """The clock of whoever rents is wrong by some minutes from now on."""
        self._skew = timedelta(minutes=self._chance.randrange(-20, 20))

    def orphan(self) -> None:
        """Somebody makes another instance with the lease's tags; no more once its schedule went."""
        if not self.is_torn_down:
            tags = self.stage.lease.tags(self.stage.record.deadline)
            Leftovers(self.world, tags, "by-hand", REGION).instance()

    def require_honest(self) -> None:
        """An audit that says clean has seen that nothing bills."""
        self.world.faults.clear()
        self.world.calls_until_described = 0
        self.world.clock.advance(minutes=2)  # what EC2 made just now it may not show yet
        self.world.ledger.hidden.clear()
        found = survey(self._alive, regions(self._alive), self.token)
        if self.world.billing(self.token):
            assert exit_code(found) != 0, self.told

    def end(self, switch: str) -> None:
        """The latest deadline that any switch may have passes, and one of them alone does its
        work."""
        self.world.faults.clear()
        latest = max(self.stage.record.deadline_at_most, self.world.clock())
        self.world.clock.set(latest + SLACK)
        if switch == "schedule":
            self.world.fire_schedules()
        else:
            reap(self._alive, regions(self._alive), self.world.clock(), pause=never)

    def _clock(self) -> datetime:
        return self.world.clock() + self._skew

    def _pause(self, seconds: float) -> None:
        self.world.clock.advance(seconds=seconds)

    def _aws(self) -> Aws:
        if self._chance.random() < 0.5:
            return self._alive
        return killed_at_call(
            self._chance.choice(("before", "after")), self._chance.randrange(1, 15)
        )

    def _book(self) -> LeaseBook:
        objects = FolderObjects(self._folder)
        if self._chance.random() < 0.3:
            when, number = self._chance.choice(("before", "after")), self._chance.randrange(3)
            objects = Interrupted(self._folder, **{when: killed_at(number)})
        return LeaseBook(objects, self._clock)


@pytest.mark.parametrize("switch", ["schedule", "reap"])
@pytest.mark.parametrize("block", range(BLOCKS))
def test_nothing_that_bills_outlives_its_lease_whatever_happens(
    block: int, switch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    billed = 0
    for number in range(EACH):
        world = World((REGION,), ())
        for name, value in world.environment().items():
            monkeypatch.setenv(name, value)
        program = Program(world, tmp_path / str(number), block * EACH + number)
        program.run(8)
        billed += bool(world.billing(program.token))
        program.end(switch)
        assert world.billing(program.token) == (), (block * EACH + number, program.told)
        program.require_honest()
        world.close()
    assert billed  # or nothing was tested
