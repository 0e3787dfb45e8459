"""The boxes: what they are, what would stop an `up`, what is not as declared."""

from __future__ import annotations

import dataclasses
import json as json_library
from typing import Any

from freehold.apply.converge import all_steps, look
from freehold.facts.box import BOX, BoxFacts
from freehold.facts.fact import gather
from freehold.plan.node import node_items
from freehold.plan.steps import describe
from freehold.service.doctor import examine
from freehold.weights.chosen import Chosen
from playbooks.executor import task
from playbooks.nodes import Target, TaskFailedError, on_nodes, require_node, stack, targets


@task("facts")
def facts(_c: Any, json: bool = False) -> None:
    """What each box is: system, processors, memory, disk, GPUs."""

    def work(target: Target) -> str:
        found: BoxFacts = gather(target.host, [BOX])[0]
        known = dataclasses.asdict(found)
        if json:
            return json_library.dumps(known)
        return "\n".join(f"{name:<24}{value}" for name, value in known.items())

    on_nodes(work)


@task("doctor")
def doctor(_c: Any) -> None:
    """What would stop an `up`, and what to do about it."""
    on = targets()
    declared = stack() if any(target.node for target in on) else None
    chosen = Chosen.of(declared) if declared else None

    def work(target: Target) -> str:
        checks = examine(target.host, target.node, chosen)
        hints = [f"      Hint: {c.problem.hint}" for c in checks if c.problem and c.problem.hint]
        report = "\n".join(["", *map(str, checks), *hints])
        if any(check.is_failure for check in checks):
            raise TaskFailedError(report)
        return report

    on_nodes(work, on)


@task("drift")
def drift(_c: Any) -> None:
    """What on each box is not as declared; exit code 1 if anything is. Nothing is changed."""
    spec = stack()
    chosen = Chosen.of(spec)

    def work(target: Target) -> str:
        box: BoxFacts = gather(target.host, [BOX])[0]
        items = node_items(spec.model, require_node(target), chosen, box, api_key=None)
        steps = all_steps(target.host, items, look(target.host, items))
        if steps:
            raise TaskFailedError("\n".join(["to do:", *(f"  {describe(s)}" for s in steps)]))
        return "as declared"

    on_nodes(work)
