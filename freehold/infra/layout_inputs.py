"""What a node's layout follows from, as the inputs of its resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freehold.spec.economy import Policy, Prices
from freehold.spec.model import Node
from freehold.weights.chosen import Chosen


def layout_inputs(
    node: Node, chosen: Chosen, prices: Prices, policy: Policy, machine: Mapping[str, Any]
) -> dict[str, Any]:
    """What a layout follows from. `machine` is what the box said of itself: another makes it new.

    `max_usd_per_hour` is over all nodes, and is the program's to check.
    """
    server = node.server.model_dump(mode="json", include=SIZED)
    return {
        "weights": chosen.weights.name,
        "weights_digest": chosen.weights.digest,
        "engine": chosen.engine.name,
        "engine_digest": chosen.engine.digest,
        # None is "all of them", which the state cannot keep apart from nothing.
        "server": {key: value for key, value in server.items() if value is not None},
        "hardware": node.hardware.model_dump(mode="json", exclude_none=True),
        "prices": prices.model_dump(mode="json", exclude_none=True),
        "policy": policy.model_dump(mode="json", exclude_none=True, exclude={"max_usd_per_hour"}),
        "machine": dict(machine),
    }


SIZED = {
    "context_tokens", "slots", "cache_type", "batch_tokens", "ubatch_tokens", "threads",
    "load_mode", "placement", "devices", "headroom_gpu_gib", "headroom_ram_gib", "mtp",
}  # fmt: skip
