"""The one call that makes an instance, as parameters of EC2's RunInstances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from freehold.rent.aws import AwsError
from freehold.rent.image import Image
from freehold.rent.lease import Market
from freehold.rent.tries import Try

HOPS = 1  # a container with a network of its own does not reach the role's credentials


@dataclass(frozen=True)
class Wanted:
    """What is launched, whichever offer is taken.

    `name` is the node's, for errors. `groups`, `keys` and `schedules` are by region: the security
    group's id, the key pair's name, and the name of the schedule that ends it. `image` is an
    ami-... or an SSM parameter's name. `root_gib` is the root disk's size.

    `generation` (letters and digits, 24 at most) is of what makes an instance another one: an
    instance of the same is taken up again, one of another is not. `replaces` is the id of an
    instance that this one is to follow, which therefore runs beside it for a while.
    `spot_max_usd_per_hour` is the most that a spot instance may come to cost; AWS's own limit, the
    on-demand price, where it is None.
    """

    name: str
    groups: Mapping[str, str]
    keys: Mapping[str, str]
    profile: str
    schedules: Mapping[str, str]
    user_data: str
    root_gib: int
    image: str
    generation: str = "0"
    replaces: str | None = None
    spot_max_usd_per_hour: float | None = None


def parameters(
    wanted: Wanted, tags: Mapping[str, str], attempt: Try, image: Image
) -> dict[str, Any]:
    """What RunInstances is called with for one try; the same for the same try.

    Each disk of the image is encrypted and goes with the instance, whatever the image says. One
    network interface with the subnet's own choice of a public address: types with several network
    cards take no other (source: EC2 API, AssociatePublicIpAddress).
    """
    offer = attempt.offer
    if wanted.root_gib < image.root_gib_min:
        raise AwsError.of(
            f"{wanted.name}: root_gib",
            f"expected at least {image.root_gib_min}, the size of {image.id}'s own root disk, "
            f"got {wanted.root_gib}",
        )
    kinds = ["instance", "volume", "network-interface"]
    if offer.market is Market.SPOT:
        kinds.append("spot-instances-request")
    return {
        "ClientToken": attempt.client_token,
        "MinCount": 1,
        "MaxCount": 1,
        "ImageId": image.id,
        "InstanceType": offer.instance_type,
        "KeyName": wanted.keys[offer.region],
        "SecurityGroupIds": [wanted.groups[offer.region]],
        "IamInstanceProfile": {"Name": wanted.profile},
        "UserData": wanted.user_data,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": HOPS,
        },
        "BlockDeviceMappings": [
            _disk(device, wanted.root_gib if device == image.root_device else None)
            for device, _ in image.devices
        ],
        "TagSpecifications": [
            {
                "ResourceType": kind,
                "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())],
            }
            for kind in kinds
        ],
        **({"Placement": {"AvailabilityZone": offer.zone}} if offer.zone else {}),
        **_market(offer.market, offer.reservation, wanted.spot_max_usd_per_hour),
    }


def _disk(device: str, size_gib: int | None) -> dict[str, Any]:
    ebs: dict[str, Any] = {"Encrypted": True, "DeleteOnTermination": True, "VolumeType": "gp3"}
    if size_gib is not None:
        ebs["VolumeSize"] = size_gib
    return {"DeviceName": device, "Ebs": ebs}


def _market(
    market: Market, reservation: str | None, spot_max_usd_per_hour: float | None
) -> dict[str, Any]:
    if market is Market.ON_DEMAND:
        return {}
    if market is Market.SPOT:
        spot = {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
        if spot_max_usd_per_hour is not None:
            spot["MaxPrice"] = f"{spot_max_usd_per_hour:.4f}"
        return {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": spot}}
    return {
        "InstanceMarketOptions": {"MarketType": "capacity-block"},
        "CapacityReservationSpecification": {
            "CapacityReservationTarget": {"CapacityReservationId": reservation}
        },
    }
