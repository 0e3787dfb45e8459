"""Measurements, kept in the store that you own: `measured/KEY.json`, the last of each subject."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from freehold.errors import FreeholdError
from freehold.sizing.measurement import Measurement, Subject

_HINT = "remove the file: the next measurement writes it again"


class Measurements:
    """In the folder of a store; it is made with the first measurement."""

    def __init__(self, store: Path) -> None:
        self._folder = store / "measured"

    def find(self, subject: Subject) -> Measurement | None:
        """The last of exactly this subject. Raises FreeholdError for a file that cannot be read."""
        path = self._path(subject)
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FreeholdError.of(str(path), f"cannot be read: {error.strerror}") from None
        try:
            found = _parsed(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            shown = str(error).splitlines()[0]
            raise FreeholdError.of(
                str(path), f"expected a measurement, got {type(error).__name__}: {shown}", _HINT
            ) from None
        if found.subject != subject:
            raise FreeholdError.of(
                str(path), f"expected a measurement of {subject}, got one of {found.subject}", _HINT
            )
        return found

    def keep(self, measurement: Measurement) -> Path:
        """Write it where `find` looks, whole or not at all. Raises FreeholdError."""
        path = self._path(measurement.subject)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        try:
            self._folder.mkdir(exist_ok=True)
            partial.write_text(json.dumps(asdict(measurement), indent=1) + "\n")
            partial.replace(path)
        except OSError as error:
            raise FreeholdError.of(
                str(path), f"expected to write a measurement, got: {error.strerror}"
            ) from None
        finally:
            partial.unlink(missing_ok=True)
        return path

    def _path(self, subject: Subject) -> Path:
        return self._folder / f"{subject.key}.json"


def _parsed(data: dict[str, Any]) -> Measurement:
    """Raises ValueError, TypeError or KeyError for what is not one."""
    found = Measurement(**{**data, "subject": Subject(**data["subject"])})
    rates = (found.decode_tokens_per_s, found.prompt_tokens_per_s)
    if any(not isinstance(rate, int | float) or not rate > 0 for rate in rates):
        raise ValueError(f"speeds above 0, got {rates}")
    return found
