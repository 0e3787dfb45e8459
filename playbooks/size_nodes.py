"""`fab size` on the nodes of a stack, or on the hosts of -H: each read, and its engine asked."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from freehold.account.size_node import has_engine, node_subject
from freehold.catalog.by_hand import overridden
from freehold.catalog.hardware import EXAMPLES
from freehold.catalog.measurements import Measurements
from freehold.catalog.read import hardware_from
from freehold.errors import FreeholdError, Problem
from freehold.facts.fact import gather
from freehold.facts.hardware import hardware_fact
from freehold.hosts.host import Host
from freehold.render.engine_flags import known_flags
from freehold.render.paths import UNIT
from freehold.sizing.choose import lay_out
from freehold.sizing.hardware import Hardware
from freehold.sizing.layout import Layout
from freehold.sizing.measurement import Measurement
from freehold.sizing.planned import Planned
from freehold.sizing.policy import policy_problems
from freehold.sizing.wanted import wishes_of
from freehold.sizing.wishes import Wishes
from freehold.spec import Spec, stacks
from freehold.weights.chosen import Chosen
from freehold.weights.open import stack_store
from playbooks.nodes import ROOT, Target, end, on_nodes, stack, targets
from playbooks.size_answer import NEW_FLAGS, Answered, answer
from playbooks.size_build import Build, confirmed
from playbooks.size_model import Subject, of_set, with_quant
from playbooks.size_model import subject_of as subject_named
from playbooks.size_options import Asked, Form


@dataclass(frozen=True)
class _Ground:
    """What is sized on every node. `chosen` is None where the model is not the stack's own."""

    asked: Asked
    subject: Subject
    spec: Spec | None
    chosen: Chosen | None


def size_nodes(asked: Asked) -> bool:
    """Print each node's answer; whether all fit."""
    on = _targets()
    ground = _ground(asked, on)
    unfit: list[str] = []

    def work(target: Target) -> str:
        said = _said(ground, target)
        if not said.fits:
            unfit.append(target.host.name)
        if asked.form is Form.JSON:
            return json.dumps({"node": target.host.name, **said.data})
        return "\n".join(said.lines)

    on_nodes(work, on, is_json=asked.form is Form.JSON)
    end(unfit, len(on))
    return True


def _targets() -> list[Target]:
    try:
        return targets()
    except FreeholdError as error:
        if stacks(ROOT):
            raise
        hint = f"such as {EXAMPLES}"
        also = Problem("--on", "expected a machine where there is no stack", hint)
        raise FreeholdError([*error.problems, also]) from None


def _ground(asked: Asked, on: list[Target]) -> _Ground:
    if asked.plot and len(on) > 1:
        raise FreeholdError.of("--plot", f"expected one node, got {len(on)}", "choose it by -H")
    if asked.engine:
        raise FreeholdError.of("--engine", "expected --on too: a node is asked with its own build")
    spec = stack() if not asked.model or any(target.node for target in on) else None
    if asked.model or spec is None:
        subject = subject_named(asked.model, asked.quant, asked.store)
        return _Ground(asked, subject, spec, None)
    chosen = Chosen.of(spec)
    subject = of_set(stack_store(spec), spec.model.weights)
    if asked.quant:
        return _Ground(asked, with_quant(subject, asked.quant), spec, None)
    return _Ground(asked, subject, spec, chosen)


def _said(ground: _Ground, target: Target) -> Answered:
    node, host, spec, asked = target.node, target.host, ground.spec, ground.asked
    hardware = hardware_from(gather(host, [hardware_fact(UNIT)])[0], host.name)
    if node:
        hardware = overridden(hardware, node.hardware, f"{host.name}: hardware")
    hardware = asked.hardware(hardware)
    server = node.server if node else spec.server if spec else None
    wishes = asked.wishes(wishes_of(server) if server else Wishes(), hardware)
    measured, flags = None, NEW_FLAGS
    if ground.chosen and spec:
        flags = known_flags(ground.chosen.engine.engine_help or "")
        measured = _measured(ground, ground.chosen, spec, hardware, wishes)
    said = answer(asked, ground.subject, hardware, wishes, flags, measured)
    if asked.asks_engine:
        said = _confirmed(ground, host, said, flags)
    if node and node.server.placement == "by_hand":
        told = "note: the stack places this by hand: here is what Freehold would do"
        said = replace(said, lines=[*said.lines, told])
    return _judged_by_policy(said, spec, host.name) if spec else said


def _confirmed(ground: _Ground, host: Host, said: Answered, flags: frozenset[str]) -> Answered:
    if ground.chosen is None:
        raise FreeholdError.of("--ask-engine", "expected the stack's own model, got another")
    if not has_engine(host, ground.chosen):
        told = f"note: {ground.chosen.engine.name} is not there yet, so nobody was asked"
        return replace(said, lines=[*said.lines, told])
    build = Build(ground.chosen.engine.node_entry, flags)
    return confirmed(said, host, build, ground.subject)


def _measured(
    ground: _Ground, chosen: Chosen, spec: Spec, hardware: Hardware, wishes: Wishes
) -> Measurement | None:
    """What this very plan was measured to do."""
    shape = ground.subject.shape
    layout = lay_out(shape, hardware, wishes) if shape else None
    if not isinstance(layout, Layout):
        return None
    planned = Planned.of(layout, known_flags(chosen.engine.engine_help or ""))
    return Measurements(stack_store(spec)).find(node_subject(hardware, chosen, planned))


def _judged_by_policy(said: Answered, spec: Spec, place: str) -> Answered:
    """What the stack's policy would refuse is no fit."""
    if not said.layout or not said.verdict or not said.verdict.speed:
        return said
    problems = policy_problems(place, spec.policy, said.layout, said.verdict.speed)
    if not problems:
        return said
    lines = [*said.lines, *(str(problem) for problem in problems)]
    data = {**said.data, "policy": [problem.message for problem in problems]}
    return replace(said, fits=False, lines=lines, data=data)
