"""The image that an instance starts from, in one region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freehold.rent.aws import Aws, AwsError, calling


@dataclass(frozen=True)
class Image:
    """`root_device` is what the root disk is called there; `devices` are all of its disks, each
    with the least GiB that it may have."""

    id: str
    root_device: str
    devices: tuple[tuple[str, int], ...]

    @property
    def root_gib_min(self) -> int:
        """What its root disk holds already."""
        return dict(self.devices).get(self.root_device, 0)


def find_image(aws: Aws, region: str, image: str) -> Image:
    """The image `ami-...`, or that which the SSM parameter of this name says. Raises AwsError."""
    image_id = image if image.startswith("ami-") else _parameter(aws, region, image)
    place = f"{region}: image {image_id}"
    try:
        with calling(place):
            found = aws.client("ec2", region).describe_images(ImageIds=[image_id])["Images"]
    except AwsError as error:
        if not error.code.startswith("InvalidAMIID"):
            raise
        found = []
    if not found:
        raise AwsError.of(
            place,
            "expected an image of this region, found none",
            "an ami- belongs to one region: with several, name an SSM parameter that each has",
        )
    return _image(found[0])


def _parameter(aws: Aws, region: str, name: str) -> str:
    place = f"{region}: {name}"
    try:
        with calling(place):
            value: str = aws.client("ssm", region).get_parameter(Name=name)["Parameter"]["Value"]
    except AwsError as error:
        if error.code != "ParameterNotFound":
            raise
        raise AwsError.of(
            place,
            "expected an SSM parameter of this region, found none",
            f"aws ssm get-parameters-by-path --recursive --region {region} --path ... lists them",
        ) from None
    if not value.startswith("ami-"):
        raise AwsError.of(place, f"expected it to name an image, ami-..., got {value[:80]!r}")
    return value


def _image(found: dict[str, Any]) -> Image:
    disks = {
        mapping["DeviceName"]: int(mapping["Ebs"].get("VolumeSize") or 1)
        for mapping in found.get("BlockDeviceMappings", ())
        if mapping.get("Ebs")
    }
    root: str = found["RootDeviceName"]
    return Image(found["ImageId"], root, tuple(sorted({root: 1, **disks}.items())))
