"""A survey of an account: each class in each region, what was found, and what was not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from freehold.rent.aws import Aws, AwsError, calling
from freehold.rent.regions import Regions
from freehold.rent.survey_ec2 import CLASSES, look_at_ec2
from freehold.rent.thing import GLOBAL, Kind, Thing

LOOKS_AT_ONCE = 16
"""Calls under way together: a class and region is one, and AWS limits each region apart."""


@dataclass(frozen=True)
class Look:
    """One class in one region that was looked at to the end, and how many things of ours it had."""

    kind: Kind
    region: str
    count: int


@dataclass(frozen=True)
class Unseen:
    """What was not looked at, and why. `kind` is None for a whole region; `is_off` for one that
    the account has never opted in to, or has left."""

    kind: Kind | None
    region: str
    why: str
    is_off: bool = False

    @property
    def may_hide_bills(self) -> bool:
        """Whether something that costs money could be there."""
        return not self.is_off and (self.kind is None or self.kind.can_bill)


@dataclass(frozen=True)
class Survey:
    """What a look at the account gave. `token` is whose things were looked for, None for all."""

    token: str | None
    found: tuple[Thing, ...]
    looked: tuple[Look, ...]
    unseen: tuple[Unseen, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left, of what was looked at."""
        return not self.found

    @property
    def may_hide_bills(self) -> bool:
        """Whether something that costs money could be where nobody looked."""
        return any(unseen.may_hide_bills for unseen in self.unseen)

    def blind_in(self, regions: Iterable[str]) -> tuple[str, ...]:
        """Those of `regions` in which an instance may live unseen, or the schedule that ends it."""
        kinds = (None, Kind.INSTANCE, Kind.SCHEDULE)
        hidden = {unseen.region for unseen in self.unseen if unseen.kind in kinds}
        return tuple(region for region in regions if region in hidden)


def survey(
    aws: Aws, regions: Regions, token: str | None = None, ledger: str | None = None
) -> Survey:
    """Look at every class in every region of `regions`, for one lease or (None) for all.

    With `ledger` a lease that is known to be of another ledger is left out, by the tags of any of
    its things; one of which that is not known stays.
    A look that fails is in `unseen`, and the others go on. What AWS was told to make in the last
    seconds it may not describe yet.
    """
    places = [(kind, region) for region in regions.seen for kind in (*CLASSES, Kind.SCHEDULE)]
    places += [(Kind.PROFILE, GLOBAL), (Kind.ROLE, GLOBAL)]

    def attempt(place: tuple[Kind, str]) -> list[Thing] | Unseen:
        try:
            return look(aws, *place, token)
        except AwsError as error:
            return Unseen(*place, error.problems[0].message)

    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        try:
            answers = list(pool.map(attempt, places))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    found = [thing for answer in answers if isinstance(answer, list) for thing in answer]
    others = {thing.token for thing in found if ledger and thing.ledger not in (None, ledger)}
    things, looked = [], []
    unseen = [Unseen(None, region, "off in this account", is_off=True) for region in regions.off]
    if regions.doubt:
        unseen.append(Unseen(None, "all regions", regions.doubt))
    for place, answer in zip(places, answers, strict=True):
        if isinstance(answer, Unseen):
            unseen.append(answer)
        else:
            ours = [thing for thing in answer if thing.token not in others]
            looked.append(Look(*place, len(ours)))
            things += ours
    return Survey(token, tuple(sorted(things, key=_order)), tuple(looked), tuple(unseen))


def look(aws: Aws, kind: Kind, region: str, token: str | None = None) -> list[Thing]:
    """What of a class in a region bears the token, or any. Raises AwsError."""
    with calling(f"{kind.plural} in {region}"):
        return _looker(kind)(aws, kind, region, token)


def _looker(kind: Kind) -> Callable[[Aws, Kind, str, str | None], list[Thing]]:
    if kind in CLASSES:
        return look_at_ec2
    # Only now: it imports botocore.
    from freehold.rent.survey_named import look_at_profiles, look_at_roles, look_at_schedules

    if kind is Kind.SCHEDULE:
        return lambda aws, _kind, region, token: look_at_schedules(aws, region, token)
    of_iam = look_at_roles if kind is Kind.ROLE else look_at_profiles
    return lambda aws, _kind, _region, token: of_iam(aws, token)


def _order(thing: Thing) -> tuple[bool, str, int, str, str]:
    """What bills first, then lease by lease, in the order in which it would be deleted."""
    return (not thing.bills, thing.token, _KINDS.index(thing.kind), thing.region, thing.id)


_KINDS = tuple(Kind)
