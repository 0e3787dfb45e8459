"""Which regions an account may use, and which are off in it."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.rent.aws import Aws, AwsError, calling

HOME = "us-east-1"
"""Where what has no region is asked for: its endpoint is on in every account."""

DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "AuthFailure",
    "OptInRequired",
    "UnrecognizedClientException",
}
"""AWS's words for: you may not. The last three are also said by a region that is off."""


@dataclass(frozen=True)
class Regions:
    """`off` are those that the account has not opted in to: nothing is started there. `doubt` says
    why the list may lack some, "" where AWS itself gave it."""

    seen: tuple[str, ...]
    off: tuple[str, ...] = ()
    doubt: str = ""


def regions(aws: Aws) -> Regions:
    """The account's regions, sorted. Where it may not list them, those that boto3 knows.

    Raises AwsError where AWS cannot be asked at all.
    """
    place = f"ec2 {HOME}: DescribeRegions"
    try:
        with calling(place):
            answer = aws.client("ec2", HOME).describe_regions(AllRegions=True)
    except AwsError as error:
        if error.code not in DENIED:
            raise
        return Regions(_known(), (), f"{error.problems[0].message}; those that boto3 knows")
    statuses = {entry["RegionName"]: entry.get("OptInStatus", "") for entry in answer["Regions"]}
    return Regions(
        tuple(sorted(name for name, status in statuses.items() if status != "not-opted-in")),
        tuple(sorted(name for name, status in statuses.items() if status == "not-opted-in")),
    )


def _known() -> tuple[str, ...]:
    import botocore.session

    return tuple(sorted(botocore.session.get_session().get_available_regions("ec2")))
