"""The resources of TLS: a stack's authority, and a certificate for each door. Neither has a box."""

from __future__ import annotations

from datetime import UTC, datetime

from freehold.infra.certificates import Pair, is_due, issue, new_authority
from freehold.infra.lifecycle import Found
from freehold.infra.values import UNKNOWN, Properties

GOOD, DUE = "good", "to be renewed"


class AuthorityResource:
    """`stack` in; `certificate` and `key` out, the second a secret. It is made once."""

    def preview(self, urn: str, inputs: Properties, old: Properties) -> Properties:  # noqa: ARG002
        """See Resource.preview."""
        return {**inputs, "certificate": UNKNOWN, "key": UNKNOWN}

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:  # noqa: ARG002
        """See Resource.create."""
        made = new_authority(inputs["stack"], datetime.now(UTC))
        return "authority", {**inputs, "certificate": made.certificate, "key": made.key}

    def read(self, inputs: Properties, outputs: Properties) -> Found:
        """It is nowhere but in the state."""
        return Found(inputs, outputs)

    def update(self, urn: str, inputs: Properties, old: Properties) -> Properties:
        """It has no input that could change."""
        raise NotImplementedError(urn, inputs)

    def delete(self, urn: str, outputs: Properties) -> None:
        """See Resource.delete."""


class CertificateResource:
    """`names`, the authority's `ca_certificate` and `ca_key`, and `state` ("good") in; the
    `certificate` and, secret, the `key` out. One whose end is near is made anew by an update."""

    def preview(self, urn: str, inputs: Properties, old: Properties) -> Properties:  # noqa: ARG002
        """See Resource.preview."""
        return {**inputs, "certificate": UNKNOWN, "key": UNKNOWN}

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """See Resource.create."""
        return "certificate", self.update(urn, inputs, {})

    def read(self, inputs: Properties, outputs: Properties) -> Found:
        """Whether it is good for long enough is told by its `state`."""
        due = is_due(outputs["certificate"], datetime.now(UTC))
        state = {"state": DUE if due else GOOD}
        return Found({**inputs, **state}, {**outputs, **state})

    def update(self, urn: str, inputs: Properties, old: Properties) -> Properties:  # noqa: ARG002
        """See Resource.update."""
        authority = Pair(inputs["ca_certificate"], inputs["ca_key"])
        made = issue(authority, inputs["names"], datetime.now(UTC))
        return {**inputs, "certificate": made.certificate, "key": made.key}

    def delete(self, urn: str, outputs: Properties) -> None:
        """See Resource.delete."""
