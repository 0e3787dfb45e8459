"""What pydantic found wrong, in our words and at its place in the file."""

from __future__ import annotations

from typing import Any

from pydantic_core import ErrorDetails

from freehold.spec.document import Document, Mark, show
from freehold.spec.nearest import nearest
from freehold.spec.schema import NAMESPACE, Location, model_at, model_of, path_of
from freehold.spec.unfit import NOTHING, Unfit

EXPECTED = {
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "is_instance_of": "text",  # a path; secrets have words of their own
    "model_type": "a mapping",
    "mapping_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "expected": "{expected}",
}
FALLBACK = "another value"
HASH = "sha256"
SET_SECRET = f"pulumi config set --secret {NAMESPACE}:api_key"


def report(error: ErrorDetails, document: Document, top: Mark) -> None:
    """Add one of pydantic's errors to the document's problems; `top` is where `config:` stands."""
    location: Location = error["loc"]
    kind = error["type"]
    if kind == "default_factory_not_called":
        return  # it follows from an error that is reported itself
    if kind == "extra_forbidden":
        mark = document.keys.get(location, top)
        document.report(mark, *unknown_key(str(location[-1]), location[:-1]))
    elif kind == "missing":
        _report_missing(location, document, top)
    elif location == ("api_key",):
        _report_api_key(error, document, top)
    elif location[-1] == "[key]":
        message, hint = _words(error, show(location[-2]))
        where = path_of(location[:-2])
        document.report(document.keys[location[:-1]], f"{where}: {message}", hint)
    else:
        # What stands where a key's hash should may be the key itself.
        shown = None if location[-1] == HASH else document.shown[location]
        message, hint = _words(error, shown)
        document.report(document.values[location], f"{path_of(location)}: {message}", hint)


def unknown_key(key: str, within: Location, written: str | None = None) -> tuple[str, str | None]:
    """The message and the hint for a key that is not known there, as it was `written`."""
    valid = list(model_at(within).model_fields)
    prefix = "" if within else f"{NAMESPACE}:"
    message = f"unknown key {show(written or prefix + key)}"
    if within:
        message = f"{path_of(within)}: {message}"
    inner = {
        name: list(nested.model_fields)
        for name, field in model_at(within).model_fields.items()
        if (nested := model_of(field))
    }
    for name, nested_keys in inner.items():
        if key in nested_keys and key not in valid:
            return f'{message}; it belongs under "{prefix}{name}"', None
    if near := nearest(key, valid):
        return f'{message}; did you mean "{prefix}{near}"?', None
    for name, nested_keys in inner.items():
        if near := nearest(key, nested_keys):
            return f'{message}; did you mean "{near}", under "{prefix}{name}"?', None
    return message, f"valid keys: {', '.join(prefix + name for name in valid)}"


def _report_missing(location: Location, document: Document, top: Mark) -> None:
    *parent, key = location
    within = tuple(parent)
    mark = document.keys.get(within) or document.values.get(within, top)
    message = f'{path_of(within)}: missing key "{key}"'
    if not within:
        message = f'missing key "{NAMESPACE}:{key}"'
    description = model_at(within).model_fields[str(key)].description
    document.report(mark, message, f"{key}: {description}")


def _report_api_key(error: ErrorDetails, document: Document, top: Mark) -> None:
    """Never with the value, which is a key even when it is not a usable one."""
    message, hint = _words(error, None)
    if error["type"] == "is_instance_of":
        got = "nothing" if error["input"] is NOTHING else "a value that is not encrypted"
        message, hint = f"expected a secret, got {got}", SET_SECRET
    mark = document.values.get(("api_key",), top)
    document.report(mark, f"{path_of(('api_key',))}: {message}", hint)


def _words(error: ErrorDetails, got: str | None) -> tuple[str, str | None]:
    context = {name: _plain(value) for name, value in error.get("ctx", {}).items()}
    kind = error["type"]
    if kind == "refused":
        return error["msg"], None
    expected = EXPECTED.get(kind, FALLBACK).format_map(context)
    message = f"expected {expected}" + (f", got {got}" if got is not None else "")
    return message, _hint(kind, error["input"]) or context.get("hint") or None


def _plain(value: Any) -> Any:
    """A bound as a person writes it: 64, not 64.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _hint(kind: str, given: object) -> str | None:
    if isinstance(given, Unfit):
        return given.hint
    if kind == "int_type" and isinstance(given, str) and given.isdecimal():
        return "remove the quotes"
    if kind in ("string_type", "is_instance_of") and isinstance(given, int | float):
        return "put it in quotes"
    return None
