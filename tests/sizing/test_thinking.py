"""Thinking presets: flags, request bodies, and what an answer costs."""

from __future__ import annotations

import pytest

from freehold.catalog.models import known_model
from freehold.errors import FreeholdError
from freehold.sizing.held import Interval
from freehold.sizing.thinking import (
    USUAL,
    ThinkingPreset,
    presets_of,
    request_body,
    thinking_cost,
    thinking_flags,
)
from tests.sizing.test_cost import SPEED

OWN = {"--reasoning", "--reasoning-effort", "--chat-template-kwargs"}
"""The words of build 10434 for it."""


@pytest.fixture(scope="module")
def presets() -> dict[str, ThinkingPreset]:
    known, _ = known_model("glm-5.2")
    return {preset.name: preset for preset in presets_of(known.thinking)}


def test_glm_has_three(presets: dict[str, ThinkingPreset]) -> None:
    assert list(presets) == ["off", "high", "max"]
    tokens = [preset.expected_tokens.expected for preset in presets.values()]
    assert tokens == sorted(tokens)
    assert all(preset.source for preset in presets.values())


@pytest.mark.parametrize(
    ("name", "known", "flags"),
    [
        ("off", OWN, (("--reasoning", "off"),)),
        ("high", OWN, (("--reasoning", "on"), ("--reasoning-effort", "high"))),
        ("max", OWN, (("--reasoning", "on"), ("--reasoning-effort", "max"))),
        (
            "off",
            {"--chat-template-kwargs"},
            (("--chat-template-kwargs", '{"enable_thinking": false}'),),
        ),
        (
            "high",
            {"--chat-template-kwargs"},
            (
                (
                    "--chat-template-kwargs",
                    '{"enable_thinking": true, "reasoning_effort": "high"}',
                ),
            ),
        ),
    ],
)
def test_a_preset_in_the_words_of_the_build(
    presets: dict[str, ThinkingPreset],
    name: str,
    known: set[str],
    flags: tuple[tuple[str, ...], ...],
) -> None:
    assert thinking_flags(name, presets[name].template_kwargs, known) == flags


def test_a_build_without_a_word_for_it_is_an_error(presets: dict[str, ThinkingPreset]) -> None:
    with pytest.raises(FreeholdError) as caught:
        thinking_flags("high", presets["high"].template_kwargs, {"--port"})
    assert "expected a flag for enable_thinking, reasoning_effort" in str(caught.value)


def test_a_request_overrides_whatever_the_servers_default_is(
    presets: dict[str, ThinkingPreset],
) -> None:
    assert request_body(presets["off"].template_kwargs) == {
        "chat_template_kwargs": {"enable_thinking": False}
    }
    assert request_body(presets["high"].template_kwargs) == {
        "chat_template_kwargs": {"enable_thinking": True, "reasoning_effort": "high"}
    }


def test_minutes_and_money_of_an_answer() -> None:
    preset = ThinkingPreset("p", {}, Interval(600, 6000, 60_000), "a test")
    found = thinking_cost(preset, SPEED, usd_per_hour=6.0)
    assert found.minutes == Interval(0.5, 10, 200)
    assert found.usd == Interval(*(pytest.approx(x) for x in (0.05, 1.0, 20.0)))
    assert thinking_cost(preset, SPEED, usd_per_hour=None).usd is None


def test_the_catalogue_names_for_each_preset_what_every_template_is_handed(
    presets: dict[str, ThinkingPreset],
) -> None:
    assert {name: preset.template_kwargs for name, preset in presets.items()} == dict(USUAL)
