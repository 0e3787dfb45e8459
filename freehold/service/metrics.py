"""What a server says of itself at /metrics, and what two moments of it say."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{[^}]*\})? (\S+)(?: \d+)?$")
# By our name. Source: tools/server/server-context.cpp, the table of all_metrics_def.
_NAMES = {
    "processing": "llamacpp:requests_processing",
    "deferred": "llamacpp:requests_deferred",
    "predicted_tokens": "llamacpp:tokens_predicted_total",
    "predicted_tokens_per_s": "llamacpp:predicted_tokens_seconds",
    "prompt_tokens": "llamacpp:prompt_tokens_total",
    "prompt_tokens_per_s": "llamacpp:prompt_tokens_seconds",
}


@dataclass(frozen=True)
class ServerMetrics:
    """Requests now; tokens since the start; the speed of a request, on average since the last
    question."""

    processing: int
    deferred: int
    predicted_tokens: int
    predicted_tokens_per_s: float
    prompt_tokens: int
    prompt_tokens_per_s: float


def read_metrics(text: str) -> ServerMetrics:
    """Of Prometheus' text format. Raises ValueError where a metric is missing or is no number."""
    values = _values(text)
    missing = [name for name in _NAMES.values() if name not in values]
    if missing:
        raise ValueError(f"expected the metrics {', '.join(missing)}, found none of that name")
    value = {name: values[theirs] for name, theirs in _NAMES.items()}
    if not all(map(math.isfinite, value.values())):
        raise ValueError("expected finite numbers in the server's metrics")
    return ServerMetrics(
        processing=int(value["processing"]),
        deferred=int(value["deferred"]),
        predicted_tokens=int(value["predicted_tokens"]),
        predicted_tokens_per_s=value["predicted_tokens_per_s"],
        prompt_tokens=int(value["prompt_tokens"]),
        prompt_tokens_per_s=value["prompt_tokens_per_s"],
    )


def _values(text: str) -> Mapping[str, float]:
    found = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line.strip())
        if match is None:
            raise ValueError(f"expected a metric, got {line!r:.100}")
        found[match[1]] = float(match[2])
    return found
