"""A stack that cannot be: every error at once, located, and no box is touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freehold import lab
from tests.infra.conftest import MakeStack
from tests.infra.on_box import tree
from tests.infra.stack import Outcome, Stack


@pytest.fixture(scope="module")
def never_up(make_stack: MakeStack, box: lab.Box) -> Iterator[Stack]:
    before = tree(box)
    yield make_stack()
    assert tree(box) == before


def refused(stack: Stack, **config: Any) -> Outcome:
    with stack.changed(**config):
        outcome = stack.up()
    assert outcome.code != 0
    assert outcome.changes == {}
    assert "Traceback" not in outcome.text
    return outcome


def test_unknown_keys_are_named_with_their_places_and_the_nearest_ones(never_up: Stack) -> None:
    text = refused(never_up, server={"prot": 8081, "slots": "two"}, modle={"weights": "m"}).text
    place = f"stacks/Pulumi.{never_up.name}.yaml"
    lines = [line.strip() for line in text.splitlines() if place in line]
    assert len([line for line in lines if ":" in line.partition(place)[2]]) >= 3
    for told in ('did you mean "port"', 'did you mean "freehold:model"', '"two"'):
        assert told in text


def test_a_flag_that_the_engine_lacks_is_an_error_with_the_nearest_one(never_up: Stack) -> None:
    text = refused(never_up, server={"flags": {"--no-repackk": True}}).text
    assert "has no flag --no-repackk" in text
    assert 'did you mean "--no-repack"' in text


def test_all_that_the_store_lacks_is_named_at_once(never_up: Stack) -> None:
    text = refused(never_up, engine="nothing", model={"weights": "no-such"}).text
    assert "expected engine named nothing, found llama.cpp-10434-portable" in text
    assert "expected weights named no-such, found smollm2-135m" in text


def test_a_store_that_is_not_there_is_an_error(never_up: Stack, tmp_path: Path) -> None:
    text = refused(never_up, store=str(tmp_path / "gone")).text
    assert f"{tmp_path}/gone: expected the store's folder, found nothing" in text


def test_with_a_wrong_passphrase_nothing_is_done(never_up: Stack, tmp_path: Path) -> None:
    never_up.set_api_key("a-key-of-my-own-making")
    wrong = tmp_path / "passphrase"
    wrong.write_text("not the one")
    outcome = never_up.up(PULUMI_CONFIG_PASSPHRASE_FILE=str(wrong))
    assert outcome.code != 0
    assert "incorrect passphrase" in outcome.text
    assert never_up.resources() == []
