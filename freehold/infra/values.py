"""Pulumi's property values to and from plain Python ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from google.protobuf import json_format, struct_pb2

Properties: TypeAlias = dict[str, Any]

# What stands for a value that is known only after an update: UNKNOWN of pulumi/runtime/rpc.py.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def from_struct(struct: struct_pb2.Struct) -> Properties:
    """Struct numbers are doubles: whole ones become int again."""
    plain: Properties = _whole(json_format.MessageToDict(struct))
    return plain


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """The protocol's form of plain values."""
    struct = struct_pb2.Struct()
    json_format.ParseDict(dict(properties), struct)
    return struct


def has_unknown(value: Any) -> bool:
    """Whether anything in `value` is known only after an update."""
    if isinstance(value, Mapping):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(has_unknown, value))
    return bool(value == UNKNOWN)


def difference(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(property path, "add" | "delete" | "update") of each leaf that differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            inner = join_path(path, key)
            if key not in old:
                yield inner, "add"
            elif key not in new:
                yield inner, "delete"
            else:
                yield from difference(old[key], new[key], inner)
    elif old != new:
        yield path, "update"


def touches(path: str, watched: str) -> bool:
    """Whether a difference at `path` is one of `watched`, of what is in it or of what holds it."""
    return path == watched or _is_within(path, watched) or _is_within(watched, path)


def _is_within(inner: str, outer: str) -> bool:
    return inner.startswith((f"{outer}.", f"{outer}["))


def join_path(path: str, key: str) -> str:
    """The property path of `key` in what is at `path`."""
    if not key.replace("_", "").isalnum():
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
