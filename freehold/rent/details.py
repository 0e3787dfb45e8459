"""A note's details as the value they are of, strictly: a field of another type is an error."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from freehold.rent.note import plain

T = TypeVar("T")


def value_of(kind: type[T], details: Mapping[str, Any]) -> T:
    """The dataclass that `details_of` made them of; keys that it lacks are left out. Raises
    ValueError naming every field that is not of its type."""
    hashable: Any = kind  # mypy has it that a class may not be
    try:
        value: T = _adapter(hashable).validate_json(json.dumps(plain(details)), strict=True)
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ValueError("; ".join(wrong)) from None
    for field in dataclasses.fields(value):  # type: ignore[arg-type]  # it is a dataclass
        known = getattr(value, field.name)
        if isinstance(known, datetime) and known.tzinfo is None:
            raise ValueError(f"{field.name}: expected a time that knows its zone, got {known}")
    return value


def details_of(value: Any) -> dict[str, Any]:
    """A dataclass as a note has it."""
    details: dict[str, Any] = plain(dataclasses.asdict(value))
    return details


def word_of(details: Mapping[str, Any], key: str) -> str:
    """A word among the details. Raises ValueError where there is none."""
    word = details.get(key)
    if not isinstance(word, str) or not word:
        raise ValueError(f"{key}: expected a word, got {word!r}")
    return word


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
