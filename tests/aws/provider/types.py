"""The inputs that pulumi_aws's own classes take, and what is wrong with some that were given."""

from __future__ import annotations

import collections.abc
import enum
import functools
import hashlib
import importlib
import inspect
import json
import re
import sys
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from freehold.infra.values import UNKNOWN
from tests.aws.sdk import cache, sdk, version

Spec = dict[str, Any]

_SIMPLE = {str: "string", bool: "boolean", int: "integer", float: "number", Any: "any"}


@functools.cache
def resource(token: str) -> Spec:
    """The type of a resource: `fields`, `required` and `outputs`, by their names in the engine.

    Derived from the SDK's classes, as the wheel ships no schema; kept, as importing a module of
    the SDK takes seconds.
    """
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    kept = cache() / f"pulumi-aws-{version()}" / f"{re.sub(r'[^A-Za-z]+', '-', token)}-{own}.json"
    if not kept.exists():
        beside = kept.with_suffix(f".{id(kept)}")
        beside.write_text(json.dumps(_derived(token)))
        beside.replace(kept)
    found: Spec = json.loads(kept.read_text())
    return found


def problems(token: str, inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(property path, reason) of each input that the SDK's class does not know or allow."""
    return list(_problems({"kind": "object", **resource(token)}, inputs, ""))


def _derived(token: str) -> Spec:
    sys.path.insert(0, str(sdk()))
    try:
        module, name = _classes()[token]
        package = importlib.import_module(module)
        inner = sys.modules[getattr(package, name).__module__]
    finally:
        sys.path.remove(str(sdk()))
    from pulumi import _types

    found = _object(getattr(inner, f"{name}Args", None) or getattr(inner, f"{name}InitArgs"))
    return {**found, "outputs": sorted(_types.resource_types(getattr(inner, name)))}


def _classes() -> dict[str, tuple[str, str]]:
    """token -> (module, class), from the text of the package: to import it takes long."""
    text = (sdk() / "pulumi_aws/__init__.py").read_text()
    found = re.search(r'resource_modules="""(.*?)"""', text, re.S)
    assert found
    return {
        token: (module["fqn"], name)
        for module in json.loads(found[1])
        for token, name in module["classes"].items()
    }


def _object(args: type) -> Spec:
    from pulumi import _types

    names = _types.input_type_py_to_pulumi_names(args)
    types = _types.input_type_types(args)
    given = inspect.signature(args.__init__).parameters.values()  # type: ignore[misc]
    return {
        "name": args.__name__,
        "fields": {name: _spec(types[name]) for name in names.values()},
        "required": [
            names[p.name] for p in given if p.name in names and p.default is inspect.Parameter.empty
        ],
    }


def _spec(of: Any) -> Spec:
    from pulumi import _types

    kind = _types.unwrap_type(of)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in _SIMPLE:
        return {"kind": _SIMPLE[kind]}
    if origin in (list, collections.abc.Sequence):
        return {"kind": "list", "of": _spec(arguments[0])}
    if origin in (dict, collections.abc.Mapping):
        return {"kind": "map", "of": _spec(arguments[1])}
    if origin is typing.Union:
        return {"kind": "union", "of": [_spec(a) for a in arguments if a is not type(None)]}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"kind": "enum", "values": [entry.value for entry in kind]}
    if isinstance(kind, type) and _types.is_input_type(kind):
        return {"kind": "object", **_object(kind)}
    # Another resource is given by its name or id.
    return {"kind": "string"}


def _problems(spec: Spec, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if value == UNKNOWN:
        return
    kind = spec["kind"]
    wrong = path, f"expected {kind}, got {type(value).__name__} {value!r:.60}"
    if kind == "object":
        yield from _of_object(spec, value, path) if isinstance(value, dict) else [wrong]
    elif kind == "list" and isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _problems(spec["of"], entry, f"{path}[{number}]")
    elif kind == "map" and isinstance(value, dict):
        for key, entry in value.items():
            if key != "__defaults":
                yield from _problems(spec["of"], entry, f"{path}.{key}")
    elif kind == "enum":
        if value not in spec["values"]:
            yield path, f"expected one of {', '.join(map(str, spec['values']))}, got {value!r}"
    elif kind == "union":
        if all(list(_problems(one, value, path)) for one in spec["of"]):
            yield wrong
    elif not _is_simple(kind, value):
        yield wrong


def _of_object(spec: Spec, value: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, entry in value.items():
        inner = f"{path}.{name}" if path else name
        if name.startswith("__") or entry is None:
            continue
        if name not in spec["fields"]:
            yield inner, f"is no input of {spec['name']}"
        else:
            yield from _problems(spec["fields"][name], entry, inner)
    for name in spec["required"]:
        if value.get(name) is None:
            yield f"{path}.{name}" if path else name, f"is required by {spec['name']}"


def _is_simple(kind: str, value: Any) -> bool:
    if kind in ("integer", "number"):
        whole = kind == "number" or (isinstance(value, int | float) and value == int(value))
        return isinstance(value, int | float) and not isinstance(value, bool) and whole
    return kind == "any" or isinstance(value, {"string": str, "boolean": bool}.get(kind, ()))
