"""The models seen as a tree of keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from pydantic.fields import FieldInfo

from freehold.spec.model import Spec
from freehold.spec.typed import Typed

NAMESPACE = "freehold"  # Pulumi's name of the project, in front of every key of ours

Location = tuple[str | int, ...]


def path_of(location: Location) -> str:
    """A location as a person writes it: freehold:nodes[0].server.port."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    return f"{NAMESPACE}:{path}"


def model_of(field: FieldInfo) -> type[Typed] | None:
    """The model that a field holds, itself or as the entries of a list."""
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Typed):
            return candidate
    return None


def model_at(location: Location) -> type[Typed]:
    """The model whose keys stand at a location."""
    model: type[Typed] = Spec
    for step in location:
        if isinstance(step, str):
            inner = model_of(model.model_fields[step])
            if inner is None:
                raise KeyError(location)
            model = inner
    return model


def keys(
    model: type[Typed] = Spec, within: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every key once, in order: ("nodes", "ssh") and its field. A node's server is not repeated."""
    for name, field in model.model_fields.items():
        yield (*within, name), field
        inner = model_of(field)
        if inner is not None and (model is Spec or name not in Spec.model_fields):
            yield from keys(inner, (*within, name))


def default_of(field: FieldInfo) -> str | None:
    """The default as documentation words it; None for a required key."""
    if isinstance(field.json_schema_extra, dict):
        return str(field.json_schema_extra["default_in_words"])
    if field.is_required():
        return None
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
