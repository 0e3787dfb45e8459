"""A renewal moves every switch or says that it has not; the budget allows what a switch does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import FreeholdError
from freehold.rent.aws import Aws, AwsError
from freehold.rent.book import LeaseBook
from freehold.rent.budget import OverBudgetError
from freehold.rent.lease import Lease, Market, new_token, time_of, time_text
from freehold.rent.note import Act
from freehold.rent.record import Record
from freehold.rent.record_words import unfinished
from freehold.rent.renew import RenewError, renew
from freehold.rent.schedule import require_schedule as require
from freehold.rent.schedule import role_policy, target_input, trust_policy
from freehold.weights.folder import FolderObjects
from tests.aws.world import World
from tests.rent.leases import OFFER, Interrupted, KilledError, killed_at, lease, rental
from tests.rent.leftovers import never, of_lease

REGION = OFFER.region
BUDGET_USD = 1000.0


@dataclass
class Rented:
    """An instance that runs under a lease of four hours, and the deadline of its own switch."""

    world: World
    folder: Path
    lease: Lease
    instance_id: str
    node_deadline: datetime
    said: list[str] = field(default_factory=list)

    @property
    def aws(self) -> Aws:
        return self.world.aws()

    @property
    def book(self) -> LeaseBook:
        """As another process has it."""
        return LeaseBook(FolderObjects(self.folder), self.world.clock)

    @property
    def record(self) -> Record:
        return self.book.record(self.lease.token)

    @property
    def deadline(self) -> datetime:
        """Of the lease as it was begun."""
        return self.lease.deadline

    def rearm(self, deadline: datetime) -> None:
        self.node_deadline = deadline

    def renew(self, hours: float = 2, **changes: Any) -> datetime:
        known: dict[str, Any] = {
            "book": self.book,
            "aws": self.aws,
            "token": self.lease.token,
            "now": self.world.clock(),
            "on_step": self.said.append,
            "rearm": self.rearm,
            "budget_usd": BUDGET_USD,
        }
        return renew(hours=hours, **{**known, **changes})

    def schedule(self) -> dict[str, Any]:
        client = self.aws.client("scheduler", REGION)
        found: dict[str, Any] = client.get_schedule(Name=f"{self.lease.name}-1a2b")
        return {key: found[key] for key in found if key not in ("ResponseMetadata", "Arn")}

    def switches(self) -> list[datetime]:
        """The deadlines that the schedule, the tag and the node have now."""
        fires = self.schedule()["ScheduleExpression"].removeprefix("at(").removesuffix(")")
        (machine,) = self.world.billing(self.lease.token)
        return [
            time_of(f"{fires}Z"),
            time_of(machine.tags["freehold:deadline"]),
            self.node_deadline,
        ]


def rent(world: World, folder: Path, of: Lease, market: Market = Market.ON_DEMAND) -> Rented:
    """As `pulumi up` leaves it."""
    now, book = world.clock(), LeaseBook(FolderObjects(folder), world.clock)
    book.begin(of)
    role = world.aws().client("iam", REGION)
    made = role.create_role(RoleName=f"{of.name}-s", AssumeRolePolicyDocument=trust_policy())
    role.put_role_policy(
        RoleName=f"{of.name}-s", PolicyName="s", PolicyDocument=role_policy(of.token)
    )
    world.aws().client("scheduler", REGION).create_schedule(
        Name=f"{of.name}-1a2b",
        ScheduleExpression=f"at({of.deadline:%Y-%m-%dT%H:%M:%S})",
        ScheduleExpressionTimezone="UTC",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Description="ends the lease",
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:ssm:startAutomationExecution",
            "RoleArn": made["Role"]["Arn"],
            "Input": target_input(of.token),
            "RetryPolicy": {"MaximumRetryAttempts": 7, "MaximumEventAgeInSeconds": 600},
        },
    )
    instance = of_lease(world, of).instance()
    book.made(of.token, rental(instance_id=instance, launched_at=now, market=market))
    return Rented(world, folder, of, instance, of.deadline)


def begun_now(world: World, **changes: Any) -> Lease:
    now = world.clock()
    return lease(token=new_token(), made_at=now, deadline=now + timedelta(hours=4), **changes)


@pytest.fixture
def rented(world: World, tmp_path: Path) -> Rented:
    return rent(world, tmp_path, begun_now(world))


def test_a_renewal_moves_the_ledger_and_every_switch(rented: Rented) -> None:
    later = rented.deadline + timedelta(hours=2)
    assert rented.renew() == later
    assert rented.switches() == [later] * 3
    assert (rented.record.deadline, rented.record.renewing) == (later, None)
    assert rented.said[0] == f"allowed until {time_text(later)}"
    assert len(rented.said) == 4


def test_a_schedule_that_was_moved_fires_then_and_not_before(rented: Rented) -> None:
    rented.renew()
    rented.world.clock.advance(hours=4, minutes=1)
    assert rented.world.fire_schedules() == ()
    rented.world.clock.advance(hours=2)
    (fired,) = rented.world.fire_schedules()
    assert fired.ended == (rented.instance_id,)


def test_nothing_of_a_schedule_is_lost_but_its_time(rented: Rented) -> None:
    def rest() -> dict[str, Any]:
        known = rented.schedule()
        own = ("ScheduleExpression", "CreationDate", "LastModificationDate")
        return {key: value for key, value in known.items() if key not in own}

    before = rest()
    later = rented.renew()
    assert rest() == before
    name = f"{rented.lease.name}-1a2b"
    require(rented.aws, REGION, name, rented.lease.token, later, later, never)


def test_a_renewal_after_a_renewal_adds_to_it(rented: Rented) -> None:
    rented.renew(1)
    assert rented.renew(0.5) == rented.deadline + timedelta(hours=1.5)
    assert rented.switches() == [rented.record.deadline] * 3


def denied(action: str, when: str) -> Callable[[Rented], dict[str, Any]]:
    def arrange(rented: Rented) -> dict[str, Any]:
        rented.world.faults.add(action, "AccessDenied", when=when)  # type: ignore[arg-type]
        return {}

    return arrange


def killed_in_the_ledger(which: int, side: str) -> Callable[[Rented], dict[str, Any]]:
    def arrange(rented: Rented) -> dict[str, Any]:
        objects = Interrupted(rented.folder, **{side: killed_at(which)})
        return {"book": LeaseBook(objects, rented.world.clock)}

    return arrange


def killed_at_the_node(side: str) -> Callable[[Rented], dict[str, Any]]:
    def arrange(rented: Rented) -> dict[str, Any]:
        def rearm(deadline: datetime) -> None:
            if side == "after":
                rented.rearm(deadline)
            raise KilledError

        return {"rearm": rearm}

    return arrange


KILLS = {
    **{
        f"{when} {action}": denied(action, when)
        for action in ("ListSchedules", "DescribeInstances", "UpdateSchedule", "CreateTags")
        for when in ("before", "after")
    },
    **{
        f"{side} note {which}": killed_in_the_ledger(which, side)
        for which in (0, 1)
        for side in ("before", "after")
    },
    **{f"{side} the node's switch": killed_at_the_node(side) for side in ("before", "after")},
}


@pytest.mark.parametrize("kill", KILLS)
def test_killed_anywhere_it_leaves_no_switch_later_than_allowed_and_says_what_is_unfinished(
    rented: Rented, kill: str
) -> None:
    with pytest.raises((KilledError, AwsError)):
        rented.renew(**KILLS[kill](rented))
    rented.world.faults.clear()
    record, switches = rented.record, rented.switches()
    later = rented.deadline + timedelta(hours=2)
    assert max(switches) <= record.deadline_at_most
    assert record.deadline <= min(switches)
    said = list(unfinished(record, rented.world.clock()))
    if record.deadline_at_most > rented.deadline and record.deadline == rented.deadline:
        assert said == [
            f"{record.lease.token}: ends at {time_text(rented.deadline)}: a renewal to "
            f"{time_text(later)} was begun and not finished: fab lease.renew goes on"
        ]
    else:
        assert said == []
    # The same again finishes it; only what was never begun, or was done, is added.
    goal = later if record.deadline < later else later + timedelta(hours=2)
    assert rented.renew() == goal
    assert rented.switches() == [goal] * 3
    assert rented.record.deadline == rented.record.deadline_at_most == goal


def test_two_who_renew_at_once_end_with_every_switch_at_the_ledgers_deadline(
    rented: Rented,
) -> None:
    """The second is done, twice over, before the first has moved its last switch."""
    is_first = True

    def rearm(deadline: datetime) -> None:
        nonlocal is_first
        if is_first:
            is_first = False
            assert rented.renew(5) == rented.deadline + timedelta(hours=2)  # it finishes the first
            rented.renew(5)
        rented.rearm(deadline)

    last = rented.deadline + timedelta(hours=7)
    assert rented.renew(2, rearm=rearm) == last
    assert rented.switches() == [last] * 3
    assert rented.record.deadline == last


def refused(rented: Rented, **changes: Any) -> FreeholdError:
    """The refusal of a renewal that changed nothing."""
    before = rented.record.notes
    schedule = rented.schedule()
    with pytest.raises(FreeholdError) as caught:
        rented.renew(**changes)
    assert rented.record.notes == before
    assert rented.schedule() == schedule
    assert rented.node_deadline == rented.deadline
    return caught.value


def test_beyond_the_budget_nothing_is_touched_and_it_says_until_when_it_reaches(
    rented: Rented,
) -> None:
    error = refused(rented, budget_usd=300.0)
    assert isinstance(error, OverBudgetError)
    assert "it reaches until " in str(error)
    assert rented.renew(1, budget_usd=300.0) == rented.deadline + timedelta(hours=1)


def test_what_leases_before_cost_counts_against_the_budget(world: World, tmp_path: Path) -> None:
    book = LeaseBook(FolderObjects(tmp_path), world.clock)
    earlier = book.begin(begun_now(world))
    token, launched = earlier.lease.token, world.clock() - timedelta(hours=10)
    book.made(token, rental(launched_at=launched))
    book.ended(token, rental().instance_id, world.clock())
    book.note(token, Act.CLOSED)
    rented = rent(world, tmp_path, begun_now(world))
    assert "551.48 are spent" in str(refused(rented, budget_usd=800.0))
    rented.renew(budget_usd=900.0)


def test_past_its_deadline_a_lease_is_not_renewed_but_ended(rented: Rented) -> None:
    rented.world.clock.advance(hours=4)
    error = refused(rented)
    assert isinstance(error, RenewError)
    assert f"has passed, and its switches end {rented.instance_id}" in str(error)
    assert "fab lease.reap" in str(error)


def test_a_lease_whose_instance_has_ended_is_not_renewed(rented: Rented) -> None:
    rented.book.ended(rented.lease.token, rented.instance_id, rented.world.clock())
    said = str(refused(rented))
    assert f"its instance ended at {time_text(rented.world.clock())}" in said
    assert "pulumi destroy closes it" in said


def test_an_instance_that_ended_behind_the_ledgers_back_is_not_renewed(rented: Rented) -> None:
    rented.world.instance_powered_off(rented.instance_id)
    with pytest.raises(RenewError, match=f"AWS says that {rented.instance_id} has ended"):
        rented.renew()
    assert rented.record.renewing is None


@pytest.mark.parametrize(
    ("act", "words"), [(Act.ENDING, "its teardown has begun"), (Act.CLOSED, "its teardown")]
)
def test_what_is_being_ended_is_not_renewed(rented: Rented, act: Act, words: str) -> None:
    rented.book.note(rented.lease.token, Act.ENDING)
    rented.book.note(rented.lease.token, act)
    assert words in str(refused(rented))


def test_what_was_never_made_is_not_renewed(world: World, tmp_path: Path) -> None:
    book = LeaseBook(FolderObjects(tmp_path), world.clock)
    record = book.begin(begun_now(world))
    rented = Rented(world, tmp_path, record.lease, "", record.deadline)
    with pytest.raises(RenewError, match="nothing was made under it yet"):
        rented.renew()


def test_without_its_schedule_a_lease_is_not_renewed(rented: Rented) -> None:
    rented.aws.client("scheduler", REGION).delete_schedule(Name=f"{rented.lease.name}-1a2b")
    with pytest.raises(RenewError, match=f"{REGION} lease .*expected the schedule"):
        rented.renew()
    assert rented.record.renewing is None


def test_a_schedule_that_was_switched_off_is_on_again(rented: Rented) -> None:
    known = rented.schedule()
    kept = ("Name", "ScheduleExpression", "Target", "FlexibleTimeWindow")
    rented.aws.client("scheduler", REGION).update_schedule(
        **{key: known[key] for key in kept}, State="DISABLED"
    )
    rented.renew()
    assert rented.schedule()["State"] == "ENABLED"


def test_a_block_is_not_renewed_beyond_its_end(world: World, tmp_path: Path) -> None:
    block = replace(OFFER, market=Market.BLOCK, reservation="cr-0123456789abcdef0")
    rented = rent(world, tmp_path, begun_now(world, offers=(block,)), Market.BLOCK)
    end = rented.deadline + timedelta(hours=2)
    entry = {
        "CapacityReservationId": block.reservation,
        "InstanceType": block.instance_type,
        "AvailabilityZone": block.zone,
        "State": "active",
        "EndDate": end,
        "AvailableInstanceCount": 0,
    }
    world.handle(
        "ec2", "DescribeCapacityReservations", lambda _call: {"CapacityReservations": [entry]}
    )
    words = f"expected a deadline before {time_text(end - timedelta(minutes=30))}"
    assert words in str(refused(rented))
    assert rented.renew(1.5) == end - timedelta(minutes=30)


def test_a_region_that_refuses_to_answer_stops_it_before_anything_is_promised(
    rented: Rented,
) -> None:
    rented.world.faults.add("DescribeInstances", "UnauthorizedOperation", times=None)
    with pytest.raises(AwsError):
        rented.renew()
    rented.world.faults.clear()
    assert rented.record.renewing is None
    assert rented.switches() == [rented.deadline] * 3
