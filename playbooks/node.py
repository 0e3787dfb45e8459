"""The boxes: what they are, what would stop an `up`, what is not as declared."""

from __future__ import annotations

import dataclasses
import json as json_library
from typing import Any

from freehold.account.size_node import Served, size_node
from freehold.apply.converge import all_steps, look
from freehold.facts.box import BOX, BoxFacts
from freehold.facts.fact import gather
from freehold.plan.driver_wanted import driver_wanted
from freehold.plan.node import node_items
from freehold.plan.steps import describe
from freehold.plan.upkeep import upkeep_items
from freehold.service.check import Check
from freehold.service.doctor import examine
from freehold.weights.chosen import Chosen
from freehold.weights.open import stack_store
from playbooks.executor import task
from playbooks.nodes import Target, TaskFailedError, on_nodes, require_node, stack, targets


@task("facts")
def facts(_c: Any, json: bool = False) -> None:
    """What each box is: system, processors, memory, disk, GPUs (--json: an object a line)."""

    def work(target: Target) -> str:
        found: BoxFacts = gather(target.host, [BOX])[0]
        known = dataclasses.asdict(found)
        if json:
            return json_library.dumps({"node": target.host.name, **known})
        return "\n".join(f"{name:<24}{value}" for name, value in known.items())

    on_nodes(work, is_json=json)


@task("doctor")
def doctor(_c: Any) -> None:
    """What would stop an `up`, and what to do about it."""
    on = targets()
    declared = stack() if any(target.node for target in on) else None
    chosen = Chosen.of(declared) if declared else None

    def work(target: Target) -> str:
        checks = examine(target.host, target.node, chosen, declared.driver if declared else None)
        report = "\n".join(["", *map(_shown, checks)])
        if any(check.is_failure for check in checks):
            raise TaskFailedError(report)
        return report

    on_nodes(work, on)


def _shown(check: Check) -> str:
    hint = check.problem and check.problem.hint
    return f"{check}\n      Hint: {hint}" if hint else str(check)


@task("drift")
def drift(_c: Any) -> None:
    """What on each box is not as declared; exit code 1 if anything is. Nothing is changed."""
    spec = stack()
    chosen = Chosen.of(spec)
    served = Served.of(stack_store(spec), chosen, spec.prices, spec.policy)

    def work(target: Target) -> str:
        node, box = require_node(target), gather(target.host, [BOX])[0]
        planned = size_node(target.host, node, served).planned
        driver = driver_wanted(spec.driver, chosen.engine) if spec.driver else None
        items = node_items(spec.model, node, chosen, box, planned, None, spec.door, driver)
        items += upkeep_items(
            spec.tuning, spec.guard, spec.telemetry, node.server.port, bool(box.nvidia)
        )
        steps = all_steps(target.host, items, look(target.host, items))
        if steps:
            raise TaskFailedError("\n".join(["to do:", *(f"  {describe(s)}" for s in steps)]))
        return "as declared"

    on_nodes(work)
