"""How fast a running server really is: one fixed request to it, timed by the server itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from freehold.hosts.host import HostError
from freehold.service.client import Client
from freehold.sizing.measurement import Measurement, Subject

PROMPT_TOKENS = 512
DECODED_TOKENS = 128
BUDGET_S = 120.0
_PROBE = (32, 4)  # tokens of the first, small request, which says how large the second may be
_LEAST = (32, 8)

_WORDS = """\
    river stone winter paper engine garden silver window morning letter bridge copper forest
    number island market thunder candle harbour mirror pocket season velvet anchor branch
    circle desert eleven feather gravel hammer insect jacket kettle lantern meadow needle
    orchard pepper quarrel ribbon saddle timber umbrella valley walnut yellow zigzag
"""


@dataclass(frozen=True)
class Timings:
    """What llama-server says of one request; speeds in tokens/s."""

    prompt_tokens: int
    prompt_per_s: float
    decoded_tokens: int
    decoded_per_s: float


def measure(
    client: Client,
    key: str,
    subject: Subject,
    context_tokens: int,
    *,
    load_s: float | None = None,
    budget_s: float = BUDGET_S,
) -> Measurement:
    """The speed with one client. Another request at the same time would spoil it.

    A slow node gets a smaller request, so that it takes about `budget_s` at most, of which the
    small one before it is not bounded. Raises HostError where the server refuses or says nothing
    of its timings.
    """
    probe = _timed(client, key, *_fitting(_PROBE, context_tokens))
    wanted = (
        min(PROMPT_TOKENS, int(probe.prompt_per_s * budget_s / 2)),
        min(DECODED_TOKENS, int(probe.decoded_per_s * budget_s / 2)),
    )
    sizes = max(wanted[0], _LEAST[0]), max(wanted[1], _LEAST[1])
    found = _timed(client, key, *_fitting(sizes, context_tokens))
    return Measurement(
        subject,
        datetime.now(UTC).isoformat(timespec="seconds"),
        decode_tokens_per_s=found.decoded_per_s,
        prompt_tokens_per_s=found.prompt_per_s,
        prompt_tokens=found.prompt_tokens,
        decoded_tokens=found.decoded_tokens,
        depth_tokens=found.prompt_tokens,
        load_s=load_s,
    )


def prompt_of(tokens: int) -> str:
    """About so many tokens of text that does not repeat itself, the same every time."""
    words, state, chosen = _WORDS.split(), 1, []
    for _ in range(tokens):
        state = (1103515245 * state + 12345) % 2**31  # ISO C's example of a generator
        chosen.append(words[(state >> 16) % len(words)])
    return " ".join(chosen)


def _fitting(sizes: tuple[int, int], context_tokens: int) -> tuple[int, int]:
    """A word may be two tokens: the prompt takes a third of the context at most."""
    return min(sizes[0], max(1, context_tokens // 3)), min(sizes[1], max(2, context_tokens // 4))


def _timed(client: Client, key: str, prompt_tokens: int, decoded_tokens: int) -> Timings:
    answer = client.complete(
        key,
        {
            "prompt": prompt_of(prompt_tokens),
            "n_predict": decoded_tokens,
            "ignore_eos": True,  # else a model that has said its piece would end the measurement
            "cache_prompt": False,
            "temperature": 0.0,
        },
    )
    return _read(client.host.name, answer.get("timings"))


def _read(place: str, timings: Any) -> Timings:
    """Of the response's `timings`. Source: result_timings in tools/server/server-common.cpp."""
    try:
        found = Timings(
            int(timings["prompt_n"]),
            float(timings["prompt_per_second"]),
            int(timings["predicted_n"]),
            float(timings["predicted_per_second"]),
        )
    except (KeyError, TypeError, ValueError):
        found = Timings(0, 0, 0, 0)
    if not (found.prompt_per_s > 0 and found.decoded_per_s > 0):
        raise HostError.of(place, f"expected the server's timings, got {timings!r:.200}")
    return found
