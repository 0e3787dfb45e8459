"""What is around an instance before it is launched, and launches that are killed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from freehold.rent import schedule
from freehold.rent.aws import Aws
from freehold.rent.book import LeaseBook
from freehold.rent.launch import Launched, Wanted, launch
from freehold.rent.lease import Lease, Market, Offer, new_token
from freehold.rent.record import Record
from freehold.spec.rented import IMAGE
from freehold.weights.folder import FolderObjects
from tests.aws.call import Call
from tests.aws.world import World
from tests.rent.leases import KilledError
from tests.rent.leftovers import PUBLIC_KEY

P5, P5EN = "p5.48xlarge", "p5en.48xlarge"


def offer(
    instance_type: str = P5,
    zone: str = "us-east-1a",
    market: Market = Market.ON_DEMAND,
    **more: Any,
) -> Offer:
    """One for 55.04 USD/h."""
    return Offer(instance_type, zone[:-1], zone, market, 55.04, 192, "test", **more)


@dataclass
class Stage:
    """A lease that has begun, and what is to be launched under it."""

    world: World
    book: LeaseBook
    lease: Lease
    wanted: Wanted
    said: list[str] = field(default_factory=list)
    paused_s: list[float] = field(default_factory=list)

    def launch(self, aws: Aws | None = None, **changes: Any) -> Launched:
        """With `changes` of what is wanted; a pause takes no time but the world's."""
        return launch(
            aws or self.world.aws(),
            changes.pop("book", self.book),
            self.lease,
            replace(self.wanted, **changes),
            self.said.append,
            clock=self.world.clock,
            pause=self.pause,
        )

    def pause(self, seconds: float) -> None:
        """It passes at once."""
        self.paused_s.append(seconds)
        self.world.clock.advance(seconds=seconds)

    @property
    def record(self) -> Record:
        """The lease as the ledger has it."""
        return self.book.record(self.lease.token)

    @property
    def acts(self) -> list[str]:
        """Of its notes, in order."""
        return [str(note.act) for note in self.record.notes]

    @property
    def billing(self) -> tuple[str, ...]:
        """What of the lease costs money, whatever anybody noted."""
        return tuple(machine.id for machine in self.world.billing(self.lease.token))

    def calls(self, action: str) -> list[Call]:
        """Those of that action."""
        return [call for call in self.world.calls if call.action == action]


def staged(
    world: World,
    at: Path | LeaseBook,
    offers: Iterable[Offer] = (offer(),),
    hours: float = 4,
    stack: str = "freehold/lab",
) -> Stage:
    """A lease of `hours` from now, with group, key, profile and schedule in each region; `at` is
    the ledger, or the folder that it gets."""
    if isinstance(at, Path):
        at.mkdir(exist_ok=True)
    book = at if isinstance(at, LeaseBook) else LeaseBook(FolderObjects(at), world.clock)
    now = world.clock()
    lease = Lease(
        token=new_token(),
        stack=stack,
        ledger=book.ledger_id(),
        who="ada@home",
        made_at=now,
        deadline=now + timedelta(hours=hours),
        budget_usd=None,
        offers=tuple(offers),
    )
    book.begin(lease)
    regions = dict.fromkeys(each.region for each in lease.offers)
    make_profile(world, lease)
    make_schedule_role(world, lease)
    wanted = Wanted(
        name="rented",
        groups={region: _group(world, region, lease) for region in regions},
        keys={region: _key(world, region, lease) for region in regions},
        profile=lease.name,
        schedules={region: make_schedule(world, region, lease) for region in regions},
        user_data="#cloud-config\n",
        root_gib=100,
        image=IMAGE,
    )
    world.calls.clear()
    return Stage(world, book, lease, wanted)


def make_profile(world: World, lease: Lease) -> None:
    """An instance profile without a role in it."""
    world.aws().client("iam", "us-east-1").create_instance_profile(InstanceProfileName=lease.name)


def make_schedule_role(world: World, lease: Lease) -> None:
    """As the schedule needs it, by the texts that it is made with."""
    iam = world.aws().client("iam", "us-east-1")
    iam.create_role(RoleName=lease.name, AssumeRolePolicyDocument=schedule.trust_policy())
    iam.put_role_policy(
        RoleName=lease.name, PolicyName="ends", PolicyDocument=schedule.role_policy(lease.token)
    )


def make_schedule(world: World, region: str, lease: Lease, **changes: Any) -> str:
    """Its name."""
    known = {
        "Name": lease.name,
        "ScheduleExpression": schedule.expression(lease.deadline),
        "ScheduleExpressionTimezone": schedule.TIMEZONE,
        "FlexibleTimeWindow": {"Mode": schedule.FLEXIBLE_WINDOW},
        "ActionAfterCompletion": schedule.AFTER_COMPLETION,
        "State": "ENABLED",
        "Target": {
            "Arn": schedule.TARGET_ARN,
            "RoleArn": f"arn:aws:iam::{world.account}:role/{lease.name}",
            "Input": schedule.target_input(lease.token),
        },
    }
    world.aws().client("scheduler", region).create_schedule(**{**known, **changes})
    return lease.name


def _group(world: World, region: str, lease: Lease) -> str:
    ec2 = world.aws().client("ec2", region)
    return str(ec2.create_security_group(GroupName=lease.name, Description="a group")["GroupId"])


def _key(world: World, region: str, lease: Lease) -> str:
    ec2 = world.aws().client("ec2", region)
    ec2.import_key_pair(KeyName=lease.name, PublicKeyMaterial=PUBLIC_KEY.encode())
    return lease.name


class Counted(Aws):
    """An account whose client hears of each call before it is sent and after its answer came."""

    def __init__(self, on_call: Callable[[str, int], None]) -> None:
        super().__init__()
        self._on_call, self.count = on_call, 0

    def _made(self, service: str, region: str) -> Any:
        client = super()._made(service, region)
        client.meta.events.register("before-call", self._before)
        client.meta.events.register("after-call", self._after)
        return client

    def _before(self, **_: Any) -> None:
        self.count += 1
        self._on_call("before", self.count)

    def _after(self, **_: Any) -> None:
        self._on_call("after", self.count)


def killed_at_call(when: str, number: int) -> Counted:
    """An account of a process that dies just before or after its call of that number."""

    def strike(now: str, count: int) -> None:
        if (now, count) == (when, number):
            raise KilledError

    return Counted(strike)
