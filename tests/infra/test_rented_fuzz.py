"""Random programs of what a person, an engine and AWS do to a stack that rents, by the real engine:
nothing that bills outlives its lease, and an audit never says clean while something is left."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from freehold.errors import FreeholdError
from freehold.rent.audit import clear, exit_code
from freehold.rent.book import utc_now
from freehold.rent.reap import reap
from freehold.rent.record import SLACK, Record
from freehold.rent.regions import regions
from freehold.rent.renew import renew
from freehold.rent.survey import survey
from tests.aws.call import Call
from tests.deadline import in_time
from tests.infra.rented import RENTED_ALONE, Rented, kill_providers
from tests.rent.leftovers import Leftovers, never

Rent = Callable[..., Rented]

PROGRAMS = int(os.environ.get("FREEHOLD_FUZZ", "4"))
"""Each takes 10 to 25 s; FREEHOLD_FUZZ=50 tries more of them."""
STEPS = 6
CALLS_OF_AN_UP = 34
"""Of a first one; a later one may end before, and then is not killed."""
INSTANCE_ALONE = ("--target", "**freehold:index:Instance**")
FAULTS: tuple[dict[str, str], ...] = (
    {"action": "RunInstances", "code": "InsufficientInstanceCapacity"},
    {"action": "RunInstances", "when": "timeout"},
    {"action": "DescribeInstances", "code": "UnauthorizedOperation"},
    {"action": "TerminateInstances", "code": "UnauthorizedOperation"},
    {"action": "CreateSchedule", "when": "timeout"},
    {"action": "DeleteSecurityGroup", "code": "DependencyViolation"},
)


class Program:
    """What `seed` makes happen to one stack; `told` says it to whoever mends what it found."""

    def __init__(self, rented: Rented, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - the same program each time
        self.rented, self.world = rented, rented.world
        self.latest = utc_now()
        self.kills = 0
        self.by_hand: set[str] = set()
        self.told: list[str] = []

    def run(self, steps: int) -> None:
        """So many steps, the first an `up` that is killed; after each somebody looks."""
        choices = (
            self.up,
            self.up_killed,
            self.destroy_killed,
            self.destroy_in_part,
            self.lose_state,
            self.forget_pending,
            self.fault,
            self.step_clock,
            self.renew,
            self.expire,
            self.orphan,
        )
        for step in (self.up_killed, *(self._chance.choice(choices) for _ in range(steps - 1))):
            self.told.append(step.__name__)
            step()
            self._note_deadlines()
            self.require_honest()

    def up(self) -> None:
        """Whether it can or not."""
        self._tell(self.rented.stack.up(*RENTED_ALONE).code)

    def up_killed(self) -> None:
        """At a random call of it: the engine, or its provider."""
        self._killed("up", *RENTED_ALONE)

    def destroy_killed(self) -> None:
        """The same of a `destroy`."""
        self._killed("destroy")

    def destroy_in_part(self) -> None:
        """Its instance, and nothing around it."""
        self._tell(self.rented.stack.destroy(*INSTANCE_ALONE, "--target-dependents").code)

    def lose_state(self) -> None:
        """Another machine, or a backend that was deleted."""
        stack = self.rented.stack
        stack.pulumi("stack", "rm", "--yes", "--force", "--preserve-config")
        stack.pulumi("stack", "init", stack.name)

    def forget_pending(self) -> None:
        """What pulumi's own manual says to do after a kill."""
        stack = self.rented.stack
        done = stack.start("refresh", "--yes", "--skip-preview", "--clear-pending-creates").end()
        self._tell(done.code)

    def fault(self) -> None:
        """AWS fails at the next such call."""
        self.world.faults.add(**self._chance.choice(FAULTS))

    def step_clock(self) -> None:
        """The clock of whoever rents is wrong by some minutes from now on."""
        if self._records():
            self.rented.age(timedelta(minutes=self._chance.randrange(-20, 20)))

    def renew(self) -> None:
        """An hour more."""
        for record in self._records()[-1:]:
            token, book = record.lease.token, self.rented.book
            with self._refused():
                renew(
                    book,
                    self.world.aws(),
                    token,
                    1,
                    utc_now(),
                    lambda _: None,
                    rearm=lambda _: None,
                    budget_usd=None,
                )

    def expire(self) -> None:
        """The lease's time is over, by its ledger and by AWS's clock, and its schedule fires."""
        for record in self._records()[-1:]:
            self.rented.age(max(record.deadline_at_most - utc_now(), timedelta(0)) + SLACK)
            self._fire_at(record.deadline_at_most + SLACK)
            self.world.clock.set(utc_now())

    def orphan(self) -> None:
        """Somebody makes another instance with the tags of a lease whose switches are armed."""
        for record in self._records()[-1:]:
            if not record.is_ending and self.world.billing(record.lease.token):
                tags = record.lease.tags(record.deadline)
                made = Leftovers(self.world, tags, "by-hand", "us-east-1").instance()
                self.by_hand.add(made)

    def require_honest(self) -> None:
        """An audit that says clean has seen that nothing bills."""
        if self._chance.random() < 0.5:
            return
        self._look()

    def recover(self) -> None:
        """AWS fails no more: an `up` makes one instance that is known, or says that a `destroy`
        comes first."""
        self.told.append("recover")
        self.world.faults.clear()
        stack = self.rented.stack
        first = stack.up("--refresh", *RENTED_ALONE)
        if first.code:
            self._tell(first.text)
            assert "pulumi destroy" in first.text, self.told
            stack.destroy().must()
            stack.up(*RENTED_ALONE).must()
        bills = {machine.id for machine in self.world.billing()}
        known = {rental.instance_id for rental in self.rented.record().live}
        assert known == {self.rented.instance_in_state()} <= bills, self.told
        assert bills - known <= self.by_hand, self.told
        self._note_deadlines()

    def end(self, switch: str) -> None:
        """The latest deadline that there was passes, and one switch alone does its work."""
        self.world.faults.clear()
        if switch == "schedule":
            self._fire_at(self.latest + SLACK)
        else:
            self.world.clock.set(self.latest + SLACK)
            aws = self.world.aws()
            reap(aws, regions(aws), self.world.clock(), pause=never)
        assert self.world.billing() == (), self.told
        self._look()

    def clean_up(self) -> None:
        """The ends of all leases: nothing of them is left, whatever else was lost."""
        for record in self._records():
            places = {offer.region for offer in record.lease.offers}
            clear(self.world.aws(), record.lease.token, places, lambda _: None, pause=never)
        assert self.world.left() == (), self.told

    def _look(self) -> None:
        faults, self.world.faults = self.world.faults, type(self.world.faults)()
        self.world.clock.advance(minutes=2)  # what EC2 made just now it may not show yet
        aws = self.world.aws()
        found = survey(aws, regions(aws))
        self.world.faults = faults
        if self.world.billing():
            assert exit_code(found) != 0, self.told

    def _killed(self, verb: str, *arguments: str) -> None:
        number, seen = self._chance.randint(1, CALLS_OF_AN_UP), 0

        def is_it(_: Call) -> bool:
            nonlocal seen
            seen += 1
            return seen == number

        when = self._chance.choice(("before", "timeout"))
        fault = self.world.faults.hold("*", when=when, where=is_it)
        running = self.rented.stack.start(verb, "--yes", "--skip-preview", *arguments)
        try:
            while not fault.reached.wait(0.01) and running.process.poll() is None:
                pass
            if running.process.poll() is not None:
                self._tell(f"ended by itself: {running.process.poll()}")
                return
            self.kills += 1
            self._tell(f"at {number} {when}: {self.world.calls[-1]}")
            if self._chance.random() < 0.3:
                kill_providers(running)
                fault.release()
                running.end()
                return
        finally:
            running.kill()
            fault.release()
            assert in_time(lambda: not running.left(), 20), running.left()
        self.rented.stack.pulumi("cancel", "--yes")

    def _fire_at(self, at: datetime) -> None:
        self.world.clock.set(at)
        self.world.fire_schedules()

    def _records(self) -> list[Record]:
        return self.rented.book.records_of(self.rented.id)

    def _note_deadlines(self) -> None:
        self.latest = max([self.latest, *(each.deadline_at_most for each in self._records())])

    def _tell(self, what: object) -> None:
        self.told[-1] += f" ({what})"

    @contextlib.contextmanager
    def _refused(self) -> Iterator[None]:
        try:
            yield
        except (FreeholdError, ClientError) as error:
            self._tell(error)


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_nothing_that_bills_outlives_its_lease_whatever_the_engine_went_through(
    rent: Rent, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rented = rent()
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in rented.world.environment().items():
        monkeypatch.setenv(name, value)
    program = Program(rented, seed)
    program.run(STEPS)
    program.recover()
    print("\n".join(program.told))  # pytest shows it where the test fails
    program.end(("schedule", "reap")[seed % 2])
    program.clean_up()
    assert program.kills  # or nothing was tested
