"""What every model of the spec has in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Typed(BaseModel):
    """Frozen; no unknown keys; nothing is coerced ("8080" is not an integer)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def in_words(default: str) -> dict[str, Any]:
    """What a default that is not a plain value is called in the documentation."""
    return {"default_in_words": default}
