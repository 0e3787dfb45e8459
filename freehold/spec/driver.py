"""The NVIDIA driver that a stack wants on its nodes, and when a node may reboot for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator

from freehold.spec.kinds import OneLine, TopLevelInteger, expected
from freehold.spec.transfer import minutes_of
from freehold.spec.typed import Typed, in_words

NEVER, ALLOWED = "never", "allowed"
_WINDOW = re.compile(r"((?:[01][0-9]|2[0-3]):[0-5][0-9])-((?:[01][0-9]|2[0-3]):[0-5][0-9])")
_CUDA = re.compile(r"[1-9][0-9]\.[0-9]{1,2}")
_URL = re.compile(r"https?://[^/\s]+(?:/\S*)?|file:/\S+")
_FINGERPRINT = re.compile(r"[0-9A-F]{40}")


@dataclass(frozen=True)
class Reboots:
    """When a node may reboot for its driver, by that node's own clock: `never`, `allowed`, or from
    one time of day to another."""

    text: str

    @property
    def window(self) -> tuple[int, int] | None:
        """Its two ends in minutes after midnight; None where it is a word."""
        found = _WINDOW.fullmatch(self.text)
        return (minutes_of(found[1]), minutes_of(found[2])) if found else None

    def allows(self, minute: int) -> bool:
        """Whether it may at that minute after midnight. A window may go over midnight."""
        if self.window is None:
            return self.text == ALLOWED
        start, end = self.window
        return start <= minute < end if start < end else minute >= start or minute < end


def _reboots(value: Any) -> Reboots:
    window = _WINDOW.fullmatch(value) if isinstance(value, str) else None
    if value not in (NEVER, ALLOWED) and (window is None or window[1] == window[2]):
        raise expected('never, allowed or two times of day such as "02:00-05:00"')
    return Reboots(value)


def _cuda(value: Any) -> Any:
    # 13.0 without quotes is a number, and 12.10 would be 12.1.
    if not isinstance(value, str) or not _CUDA.fullmatch(value):
        raise expected('a version of CUDA in quotes, such as "13.0"')
    return value


def _url(value: Any) -> Any:
    if not isinstance(value, str) or not _URL.fullmatch(value):
        raise expected("a URL: https://..., http://... or file:/...")
    return value


def _fingerprint(value: Any) -> Any:
    text = value.replace(" ", "").upper() if isinstance(value, str) else ""
    if not _FINGERPRINT.fullmatch(text):
        raise expected("the 40 hexadecimal digits of an OpenPGP fingerprint, in quotes")
    return text


Url = Annotated[OneLine, BeforeValidator(_url)]
Fingerprint = Annotated[str, BeforeValidator(_fingerprint)]
CudaVersion = Annotated[str, BeforeValidator(_cuda)]


class Mirror(Typed):
    """A copy of NVIDIA's repository for the nodes' distribution, on a server of yours."""

    url: Url = Field(description="Flat apt repository that the nodes reach.")
    key: Url = Field(description="Where the nodes get the public key that signs it.")
    fingerprint: Fingerprint = Field(description="Fingerprint of that key; another one is refused.")


class Driver(Typed):
    """Which driver, from where, and when a node may reboot for it."""

    branch: TopLevelInteger = Field(
        ge=470, le=9999, description="Branch of the driver: the first number of its version."
    )
    cuda: CudaVersion | None = Field(
        None,
        description="Version of CUDA whose run-time libraries the engine needs from the node.",
        json_schema_extra=in_words("what the engine build says that it needs"),
    )
    reboot: Annotated[Reboots, PlainValidator(_reboots)] = Field(
        Reboots(NEVER),
        description="When a node may reboot where its driver needs that, by its own clock: "
        "`never`, `allowed`, or a window such as `02:00-05:00`.",
        json_schema_extra=in_words("never"),
    )
    mirror: Mirror | None = Field(
        None,
        description="A copy of NVIDIA's repository that is used in its place.",
        json_schema_extra=in_words("NVIDIA's own"),
    )
