"""YAML nodes to plain data that remembers where each value stands and how it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.resolver import Resolver

from freehold.errors import Problem
from freehold.spec.error import SpecError
from freehold.spec.schema import Location
from freehold.spec.unfit import ENCRYPTED, NOTHING, TAGGED, Switch, Unfit

_SHOWN_LENGTH_MAX = 60
_VALUES_MAX = 20_000  # aliases of aliases multiply; no stack has that many values
_DEPTH_MAX = 32
_DIGITS_MAX = 18

_TAG = "tag:yaml.org,2002:"
_SURROGATE = re.compile("[\ud800-\udfff]")  # an escape can write one; no UTF-8 can
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)(e[-+]?[0-9]{1,3})?", re.IGNORECASE)
_TRAPS = {  # what YAML 1.1 makes of plain text that YAML 1.2, or a person, reads otherwise
    "bool": "some YAML readers take this as true or false: write true or false, or quote text",
    "int": "some YAML readers take this as octal, hexadecimal or base 60: "
    "write plain digits, or quote text",
    "float": "write a plain decimal number, or quote text",
    "timestamp": "YAML reads this as a date: quote it",
}


@dataclass(frozen=True)
class Mark:
    """A position; lines and columns count from 1."""

    line: int
    column: int

    @classmethod
    def of(cls, node: yaml.Node) -> Mark:
        return cls(node.start_mark.line + 1, node.start_mark.column + 1)


@dataclass
class Document:
    """Reads the values of one file, collecting positions and problems."""

    place: str
    values: dict[Location, Mark] = field(default_factory=dict)
    keys: dict[Location, Mark] = field(default_factory=dict)
    shown: dict[Location, str] = field(default_factory=dict)
    problems: list[tuple[Mark, Problem]] = field(default_factory=list)

    def report(self, mark: Mark, message: str, hint: str | None = None) -> None:
        """Keep a problem until all are known."""
        problem = Problem(f"{self.place}:{mark.line}:{mark.column}", message, hint)
        self.problems.append((mark, problem))

    def raise_problems(self) -> None:
        """SpecError with every problem so far, in the order of the lines."""
        if self.problems:
            ordered = sorted(self.problems, key=lambda item: (item[0].line, item[0].column))
            raise SpecError(problem for _, problem in ordered)

    def members(self, mapping: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """Each key's text, the key and its value. A key given twice is a problem."""
        first: dict[str, Mark] = {}
        for key, value in mapping.value:
            mark = Mark.of(key)
            if not isinstance(key, yaml.ScalarNode):
                self.report(mark, "expected a key of text, got a list or a mapping")
            elif not key.value.isprintable():
                self.report(mark, f"expected a key of printable text, got {show(key.value)}")
            elif key.tag == f"{_TAG}merge":
                self.report(mark, "merge keys (<<) are not read", "write the keys out")
            elif key.value in first:
                at = first[key.value]
                message = f"duplicate key {show(key.value)}, first at {at.line}:{at.column}"
                self.report(mark, message)
            else:
                first[key.value] = mark
                yield key.value, key, value

    def read(self, node: yaml.Node, at: Location) -> Any:
        """The value of a node: a dict, a tuple, a scalar, or Unfit."""
        mark = self.values[at] = Mark.of(node)
        if len(self.values) > _VALUES_MAX or len(at) > _DEPTH_MAX:
            self.report(
                mark, "more or deeper values than a stack can have: do aliases (*) multiply?"
            )
            self.raise_problems()
        value = self._value(node, at)
        self.shown[at] = show(value) if not isinstance(value, float) else str(node.value)
        return value

    def _value(self, node: yaml.Node, at: Location) -> Any:
        if node.tag != _implicit_tag(node):
            return TAGGED
        if isinstance(node, yaml.MappingNode):
            if _is_encrypted(node):
                return ENCRYPTED
            members = {}
            for text, key, value in self.members(node):
                self.keys[(*at, text)] = Mark.of(key)
                members[text] = self.read(value, (*at, text))
            return members
        if isinstance(node, yaml.SequenceNode):
            return tuple(self.read(entry, (*at, index)) for index, entry in enumerate(node.value))
        return _scalar(node.tag.removeprefix(_TAG), str(node.value))


def show(value: Any) -> str:
    """A value as an error shows it."""
    match value:
        case Unfit():
            return value.shown
        case dict():
            return "a mapping"
        case tuple():
            return "a list" if value else "an empty list"
    readable = isinstance(value, str) and value.isprintable()  # what is not would move the cursor
    return _cut(json.dumps(value, ensure_ascii=not readable))


def _cut(shown: str) -> str:
    return shown if len(shown) <= _SHOWN_LENGTH_MAX else f"{shown[: _SHOWN_LENGTH_MAX - 3]}..."


def _scalar(kind: str, text: str) -> Any:
    if kind == "str" and _SURROGATE.search(text):
        return Unfit(show(text), "it holds half of a character")
    if kind == "str":
        return text
    if kind == "null":
        return NOTHING
    if kind == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind == "bool":
        return Switch(text, _TRAPS[kind])
    if kind == "int" and _INTEGER.fullmatch(text):
        return int(text) if len(text) <= _DIGITS_MAX else Unfit(_cut(text), "it is too large")
    if kind == "float" and _DECIMAL.fullmatch(text):
        return float(text)
    return Unfit(_cut(text), _TRAPS.get(kind, "quote it"))


def _is_encrypted(node: yaml.MappingNode) -> bool:
    if len(node.value) != 1:
        return False
    key, value = node.value[0]
    return key.value == "secure" and isinstance(value, yaml.ScalarNode)


def _implicit_tag(node: yaml.Node) -> str:
    """The tag of a node that has none written before it."""
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    resolver: Any = Resolver()  # the stubs leave it untyped
    return str(resolver.resolve(type(node), node.value, (plain, not plain)))
