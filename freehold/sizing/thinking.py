"""How hard a model thinks: presets as the engine's flags, as a request's body, and their cost."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from freehold.errors import FreeholdError
from freehold.sizing.flags import Flags
from freehold.sizing.held import Interval
from freehold.sizing.speed import Speed

_IS_ON = "enable_thinking"
_EFFORT = "reasoning_effort"


USUAL: Mapping[str, Mapping[str, Any]] = {
    "off": {_IS_ON: False},
    "high": {_EFFORT: "high"},
    "max": {_EFFORT: "max"},
}
"""What chat templates read, by the preset's name. Source: zai-org/GLM-5, README; the engine itself
hands the same two to every template (common/chat.cpp)."""


@dataclass(frozen=True)
class ThinkingPreset:
    """`template_kwargs` is what the model's chat template reads.

    `expected_tokens` is a whole answer with its thinking, and `source` where that is from.
    """

    name: str
    template_kwargs: Mapping[str, Any]
    expected_tokens: Interval
    source: str


@dataclass(frozen=True)
class ThinkingCost:
    """What one answer with a preset takes; `usd` is None where no price is known."""

    preset: ThinkingPreset
    minutes: Interval
    usd: Interval | None


def presets_of(thinking: Mapping[str, Any]) -> tuple[ThinkingPreset, ...]:
    """Those of a model in the catalogue, in its order."""
    return tuple(
        ThinkingPreset(
            name,
            each["template_kwargs"],
            Interval(*(float(each["expected_tokens"][end]) for end in ("low", "expected", "high"))),
            each["expected_tokens"]["source"],
        )
        for name, each in thinking["presets"].items()
    )


def thinking_flags(name: str, template_kwargs: Mapping[str, Any], known: Collection[str]) -> Flags:
    """What makes a preset the server's default, in the words of a build with `known` flags.

    Raises FreeholdError where the build has no word for it. Source: common/arg.cpp; seen with
    build 10434, by what /apply-template renders.
    """
    kwargs = _whole(template_kwargs)
    flags: list[tuple[str, ...]] = []
    if _IS_ON in kwargs and "--reasoning" in known:
        flags.append(("--reasoning", "on" if kwargs.pop(_IS_ON) else "off"))
    if _EFFORT in kwargs and "--reasoning-effort" in known:
        flags.append(("--reasoning-effort", str(kwargs.pop(_EFFORT))))
    if kwargs:
        if "--chat-template-kwargs" not in known:
            raise FreeholdError.of(
                "engine",
                f"expected a flag for {', '.join(kwargs)}, "
                "this build has no --chat-template-kwargs",
                f"thinking {name} needs a newer build",
            )
        flags.append(("--chat-template-kwargs", json.dumps(kwargs)))
    return tuple(flags)


def request_body(template_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What a client adds to a chat completion to have a preset for that one request.

    The engine's own aliases only rename a model: a request's "model" changes none of its
    settings. Source: tools/server/server-common.cpp (oaicompat_chat_params_parse); seen with
    build 10434.
    """
    return {"chat_template_kwargs": _whole(template_kwargs)}


def thinking_cost(preset: ThinkingPreset, speed: Speed, usd_per_hour: float | None) -> ThinkingCost:
    """Minutes and money of one answer to one client on an otherwise idle node."""
    tokens, decode = preset.expected_tokens, speed.decode
    minutes = Interval(
        tokens.low / decode.high / 60,
        tokens.expected / decode.expected / 60,
        tokens.high / decode.low / 60,
    )
    if usd_per_hour is None:
        return ThinkingCost(preset, minutes, None)
    usd = (usd_per_hour / 60 * each for each in (minutes.low, minutes.expected, minutes.high))
    return ThinkingCost(preset, minutes, Interval(*usd))


def _whole(template_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """A preset that thinks says so: else the server's default, or what the engine finds in a
    template, would decide."""
    return {_IS_ON: True, **template_kwargs}
