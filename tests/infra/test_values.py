"""Property values as the engine sends them, and what differs between two of them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from freehold.infra.values import UNKNOWN, difference, from_struct, has_unknown, to_struct


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"text": "", "unicode": "ä\n\t\"'", "nothing": None, "yes": True},
        {"whole": 8080, "half": 0.5, "size_bytes": 535_000_000_000, "negative": -1},
        {"list": [1, "two", [3.5], {}], "map": {"/etc/a.b": {"x": [None]}}},
    ],
)
def test_values_come_back_as_they_were(value: dict[str, Any]) -> None:
    # As text, in which an integer is none that became a double.
    back = json.dumps(from_struct(to_struct(value)), sort_keys=True)
    assert back == json.dumps(value, sort_keys=True)


DIFFERENCES: dict[str, tuple[Any, Any, list[tuple[str, str]]]] = {
    "nothing": ({"a": {"b": [1]}}, {"a": {"b": [1]}}, []),
    "a value": ({"port": 1}, {"port": 2}, [("port", "update")]),
    "a value within": ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [("a.c", "update")]),
    "a key that came and one that went": (
        {"old": 1, "same": 1},
        {"new": 1, "same": 1},
        [("new", "add"), ("old", "delete")],
    ),
    "a key that is a path": (
        {"restart_on": {"/etc/a.service": "1"}},
        {"restart_on": {"/etc/a.service": "2"}},
        [('restart_on["/etc/a.service"]', "update")],
    ),
    "a key with a dot, and one below it": (
        {"files": {"m.gguf": {"size": 1}}},
        {"files": {"m.gguf": {"size": 2}}},
        [('files["m.gguf"].size', "update")],
    ),
    "a list as a whole": ({"missing": []}, {"missing": ["a", "b"]}, [("missing", "update")]),
    "a map that became a value": ({"a": {"b": 1}}, {"a": 1}, [("a", "update")]),
    "what is not known yet": ({"a": "1"}, {"a": UNKNOWN}, [("a", "update")]),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_the_difference_names_each_leaf(case: str) -> None:
    old, new, expected = DIFFERENCES[case]
    assert list(difference(old, new)) == expected


def test_a_value_that_is_not_known_yet_is_found_at_any_depth() -> None:
    assert has_unknown({"a": [{"b": {"c": UNKNOWN}}]})
    assert not has_unknown({"a": [{"b": {"c": "known"}}, None, 1, True]})


def test_unknown_is_what_the_sdk_means_by_it() -> None:
    """In a process of its own: the provider's modules do without the SDK."""
    told = subprocess.run(
        [sys.executable, "-c", "from pulumi.runtime.rpc import UNKNOWN; print(UNKNOWN)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == UNKNOWN
