"""The API key of a stack that names none: made once, kept encrypted in the stack's state."""

from __future__ import annotations

import secrets

from freehold.infra.lifecycle import Found
from freehold.infra.values import UNKNOWN, Properties

KEY_BYTES = 32


class ApiKey:
    """A resource without a box; its `value` is a secret output."""

    def preview(self, urn: str, inputs: Properties, old: Properties) -> Properties:  # noqa: ARG002
        """See Resource.preview."""
        return {**inputs, "value": UNKNOWN}

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:  # noqa: ARG002
        """See Resource.create."""
        return "api-key", {**inputs, "value": secrets.token_urlsafe(KEY_BYTES)}

    def read(self, inputs: Properties, outputs: Properties) -> Found:
        """It is nowhere but in the state."""
        return Found(inputs, outputs)

    def update(self, urn: str, inputs: Properties, old: Properties) -> Properties:
        """It has no input that could change."""
        raise NotImplementedError(urn, inputs)

    def delete(self, urn: str, outputs: Properties) -> None:
        """See Resource.delete."""
