"""The stack's limits against a plan: what turns a bad one into an error."""

from __future__ import annotations

from freehold.errors import Problem
from freehold.sizing.layout import Layout
from freehold.sizing.speed import Speed
from freehold.spec.economy import Policy


def policy_problems(place: str, policy: Policy, layout: Layout, speed: Speed) -> list[Problem]:
    """Each limit that a node's layout misses. `place` is the node's name."""
    problems = []
    least = policy.min_tokens_per_s
    if least is not None and speed.decode.expected < least:
        said = "measured" if speed.measured_at else "predicted"
        low, expected, high = speed.decode.low, speed.decode.expected, speed.decode.high
        problems.append(
            Problem(
                place,
                f"freehold:policy.min_tokens_per_s: expected at least {least:g}, "
                f"{said} {expected:.1f} ({low:.1f} to {high:.1f}), bound by {speed.bound}",
                "a smaller quant, more of the model on GPUs, or a lower limit",
            )
        )
    tokens = policy.min_context_tokens
    if tokens is not None and layout.run.context_tokens < tokens:
        problems.append(
            Problem(
                place,
                f"freehold:policy.min_context_tokens: expected at least {tokens}, "
                f"each slot gets {layout.run.context_tokens}",
                "freehold:server.context_tokens, cache_type or fewer slots",
            )
        )
    return problems


def rent_problems(place: str, policy: Policy, usd_per_hour: dict[str, float]) -> list[Problem]:
    """Whether all nodes together cost more an hour than they may; by the node's name."""
    limit, total = policy.max_usd_per_hour, sum(usd_per_hour.values())
    if limit is None or total <= limit:
        return []
    parts = ", ".join(f"{node} {price:.2f}" for node, price in usd_per_hour.items())
    return [
        Problem(
            place,
            f"freehold:policy.max_usd_per_hour: expected at most {limit:.2f}, "
            f"the nodes cost {total:.2f} ({parts})",
        )
    ]
