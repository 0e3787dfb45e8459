"""Measurements, kept in the store that you own: `measured/KEY.json`, the last of each subject."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from freehold.errors import FreeholdError
from freehold.sizing.measurement import Measurement, Subject
from freehold.weights.store import Store

_HINT = "remove the file: the next measurement writes it again"


class Measurements:
    """In a store, beside what was measured."""

    def __init__(self, store: Store) -> None:
        self._objects = store.objects

    def find(self, subject: Subject) -> Measurement | None:
        """The last of exactly this subject. Raises FreeholdError for one that cannot be read."""
        name = _name(subject)
        place = f"{self._objects.place}/{name}"
        if self._objects.size_bytes(name) is None:
            return None
        text = b"".join(self._objects.stream(name))
        try:
            found = _parsed(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            shown = str(error).splitlines()[0]
            raise FreeholdError.of(
                place, f"expected a measurement, got {type(error).__name__}: {shown}", _HINT
            ) from None
        if found.subject != subject:
            raise FreeholdError.of(
                place, f"expected a measurement of {subject}, got one of {found.subject}", _HINT
            )
        return found

    def keep(self, measurement: Measurement) -> str:
        """Write it where `find` looks, and say where that is. Raises StoreError."""
        name = _name(measurement.subject)
        self._objects.put(name, (json.dumps(asdict(measurement), indent=1) + "\n").encode())
        return f"{self._objects.place}/{name}"


def _name(subject: Subject) -> str:
    return f"measured/{subject.key}.json"


def _parsed(data: dict[str, Any]) -> Measurement:
    """Raises ValueError, TypeError or KeyError for what is not one."""
    found = Measurement(**{**data, "subject": Subject(**data["subject"])})
    rates = (found.decode_tokens_per_s, found.prompt_tokens_per_s)
    if any(not isinstance(rate, int | float) or not rate > 0 for rate in rates):
        raise ValueError(f"speeds above 0, got {rates}")
    return found
