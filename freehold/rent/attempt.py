"""One try to make an instance, noted before AWS hears of it and after AWS has answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from freehold.rent.aws import AwsError, calling
from freehold.rent.details import details_of
from freehold.rent.image import Image
from freehold.rent.live import Live, find_all
from freehold.rent.no_capacity import Refusal
from freehold.rent.note import Act
from freehold.rent.rental import Rental
from freehold.rent.run_instances import parameters
from freehold.rent.terms import Terms
from freehold.rent.tries import ENDED_SINCE, OTHER_PARAMETERS, REFUSED_FOR_NOW, WITHOUT_ANSWER, Try

PROFILE_S = 60
"""How long an instance profile that was just made may be unknown to EC2."""
VISIBLE_S = 60
"""How long an instance that was made may be missing from what EC2 describes."""
SETTLED = timedelta(minutes=15)
"""After which what is not described is not there: EC2 settles within seconds."""
POLL_S = 5

_HINTS = {
    "VPCIdNotSpecified": "aws ec2 create-default-vpc --region {region}",
    "MissingInput": "aws ec2 create-default-subnet --region {region} --availability-zone {zone}",
    "UnauthorizedOperation": "fab rent.policy prints the policy that you need",
    "OptInRequired": "the account has not subscribed to this image or region",
    "IncorrectSpotRequestState": "pulumi up again",
}


@dataclass(frozen=True)
class Made:
    """The id of an instance that a try made."""

    instance_id: str


def attempt(terms: Terms, own: Try, image: Image, deadline: datetime) -> Made | Refusal:
    """Ask for the instance; what a try that is not new has made comes back as it is.

    Raises AwsError for what another offer would not change, and where there was no answer: the
    try then stays open in the ledger, and the next launch looks for what became of it.
    """
    asked_for = parameters(terms.wanted, terms.lease.tags(deadline), own, image)
    token = terms.lease.token
    if own.tried_at is None:
        terms.book.note(token, Act.TRIED, **own.details)
    try:
        instance_id, launched_at = _run(terms, own, asked_for)
    except AwsError as error:
        return _without(terms, own, error)
    note_made(terms, own, instance_id, launched_at)
    return Made(instance_id)


def note_made(terms: Terms, own: Try, instance_id: str, launched: tuple[str, Any]) -> None:
    """Note what a try made, with what it costs."""
    zone, launched_at = launched
    offer = own.offer
    rental = Rental(
        instance_id=instance_id,
        region=offer.region,
        zone=zone,
        type=offer.instance_type,
        market=offer.market,
        usd_per_hour=offer.usd_per_hour,
        launched_at=launched_at,
        root_gib=terms.wanted.root_gib,
    )
    terms.book.note(
        terms.lease.token, Act.MADE, client_token=own.client_token, **details_of(rental)
    )


def note_ended(terms: Terms, own: Try, found: Live) -> Refusal:
    """Note what a try made and that it has ended since, so that it is paid for in the ledger."""
    note_made(terms, own, found.instance_id, (found.zone, found.launched_at))
    terms.book.ended(terms.lease.token, found.instance_id, terms.clock())
    return Refusal(own.offer, found.reason or ENDED_SINCE, f"{found.instance_id} has ended")


def seek(terms: Terms, own: Try, for_s: float) -> Live | None:
    """What the try made, also if it has ended; None where nothing is seen for so long."""
    waited_s = 0.0
    while True:
        found = find_all(terms.aws, [own.offer.region], terms.lease.token)
        for each in found:
            if each.client_token == own.client_token:
                return each
        if waited_s >= for_s:
            return None
        terms.pause(POLL_S)
        waited_s += POLL_S


def _without(terms: Terms, own: Try, error: AwsError) -> Made | Refusal:
    """AWS answered without an instance, or not at all."""
    if error.code in REFUSED_FOR_NOW:
        return _refused(terms, own, error)
    if error.code in (ENDED_SINCE, OTHER_PARAMETERS) or error.code in WITHOUT_ANSWER:
        found = seek(terms, own, VISIBLE_S)
        if found is not None and found.has_ended:
            return note_ended(terms, own, found)
        if found is not None:
            note_made(terms, own, found.instance_id, (found.zone, found.launched_at))
            return Made(found.instance_id)
        if error.code == ENDED_SINCE or _is_old(terms, own, error):
            return _refused(terms, own, error)
        problem = error.problems[0]
        raise AwsError.coded(
            error.code,
            problem.place,
            f"{problem.message}\nwhether an instance was made is not known; none is seen",
            "pulumi up again: it looks for it first; "
            f"fab lease.audit --token {terms.lease.token} looks everywhere",
        )
    _refused(terms, own, error)
    hint = _HINTS.get(error.code, "").format(region=own.offer.region, zone=own.offer.zone)
    problem = error.problems[0]
    raise AwsError.coded(error.code, problem.place, problem.message, hint or problem.hint)


def _is_old(terms: Terms, own: Try, error: AwsError) -> bool:
    """Whether what the try made has ended so long ago that AWS has forgotten it."""
    if error.code != OTHER_PARAMETERS or own.tried_at is None:
        return False
    return terms.clock() - own.tried_at > SETTLED


def _refused(terms: Terms, own: Try, error: AwsError) -> Refusal:
    reason = error.problems[0].message
    terms.book.note(
        terms.lease.token,
        Act.REFUSED,
        client_token=own.client_token,
        code=error.code,
        reason=reason,
    )
    return Refusal(own.offer, error.code, reason)


def _run(terms: Terms, own: Try, asked_for: dict[str, Any]) -> tuple[str, tuple[str, Any]]:
    """The instance's id, and the zone and time that it was launched in and at."""
    offer = own.offer
    ec2 = terms.aws.client("ec2", offer.region)
    ec2.meta.events.register_first(
        "needs-retry.ec2.RunInstances", _is_repeated, unique_id="freehold-capacity"
    )
    waited_s = 0
    while True:
        try:
            with calling(f"{offer.region}: RunInstances"):
                (made,) = ec2.run_instances(**asked_for)["Instances"]
            return made["InstanceId"], (made["Placement"]["AvailabilityZone"], made["LaunchTime"])
        except AwsError as error:
            if not _lacks_profile(error) or waited_s >= PROFILE_S or terms.is_cancelled():
                raise
            if not waited_s:
                terms.say(f"{offer.region}: EC2 does not know the instance profile yet: waiting")
        terms.pause(POLL_S)
        waited_s += POLL_S


def _is_repeated(response: Any = None, **_: Any) -> bool | None:
    """False: do not. None: let botocore decide.

    AWS sends a lack of capacity as HTTP 500, which botocore would repeat four times: it is an
    answer, and there are other offers.
    """
    if response is None:
        return None
    code = response[1].get("Error", {}).get("Code", "")
    return False if code in REFUSED_FOR_NOW else None


def _lacks_profile(error: AwsError) -> bool:
    return error.code == "InvalidParameterValue" and "nstance profile" in str(error).lower()
