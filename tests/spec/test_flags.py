"""The refused flags, held against the real engine's own --help and the keys that stand for them."""

from __future__ import annotations

import re

import pytest

from demo.parts import ENGINE
from freehold.spec.flags import PLACING, REFUSED, THINKING
from freehold.spec.schema import keys
from freehold.weights.manifest import Kind
from freehold.weights.store import Store

_HEAD = re.compile(r"-[^\s,]+(, +-[^\s,]+)*")
LATER = {"--log-jsonl"}  # of builds after the pinned one
KEYS = {f"freehold:{'.'.join(path)}" for path, _ in keys()}


@pytest.fixture(scope="module")
def spellings(store: Store) -> list[set[str]]:
    """The spellings of each flag of the real engine, by the left column of its --help."""
    text = store.manifest(Kind.ENGINE, ENGINE).engine_help or ""
    heads = [head[0] for line in text.splitlines() if (head := re.match(_HEAD, line))]
    return [set(re.split(r", +", head)) for head in heads]


@pytest.mark.parametrize(
    "refused", [REFUSED.keys(), PLACING, THINKING], ids=["always", "placing", "thinking"]
)
def test_a_flag_is_refused_in_each_of_its_spellings(
    refused: frozenset[str], spellings: list[set[str]]
) -> None:
    concerned = [group for group in spellings if group & refused]
    assert concerned
    for group in concerned:
        # What turns a danger off may stay.
        assert not {word for word in group - refused if not re.match("--?no-", word)}


def test_no_refused_flag_is_one_that_no_engine_has(spellings: list[set[str]]) -> None:
    assert (REFUSED.keys() | PLACING | THINKING) - set().union(*spellings) == LATER


def test_a_refusal_names_a_key_that_there_is() -> None:
    named = {key for reason in REFUSED.values() for key in re.findall(r"freehold:[\w.]+", reason)}
    assert "freehold:server.cache_type" in named
    assert named <= KEYS


def test_no_flag_is_refused_for_two_reasons() -> None:
    assert not REFUSED.keys() & PLACING
    assert not (REFUSED.keys() | PLACING) & THINKING
