"""The server on the nodes: its state, start and stop, its log, a question."""

from __future__ import annotations

from typing import Any

from freehold.account.size_node import Served, node_subject, size_node
from freehold.apply.script import run_steps
from freehold.facts.fact import gather
from freehold.facts.unit import UnitFacts, unit_fact
from freehold.hosts.command import Command
from freehold.hosts.host import run_or_raise
from freehold.plan.steps import RestartUnit, StartUnit, StopUnit
from freehold.plan.unit import Unit
from freehold.render.door import DOOR_UNIT
from freehold.render.paths import UNIT
from freehold.service.client import connect, read_key
from freehold.service.measure import measure
from freehold.service.placement import require_as_planned
from freehold.service.ready import wait_ready
from freehold.service.state import READY, state_of
from freehold.sizing.thinking import USUAL, request_body
from freehold.sizing.wishes import MIB
from freehold.weights.chosen import Chosen
from freehold.weights.open import stack_store
from playbooks.executor import task
from playbooks.nodes import (
    Target,
    TaskFailedError,
    end,
    on_nodes,
    outcome,
    require_node,
    stack,
    targets,
)
from playbooks.options import count_of, word_of


@task("status")
def status(_c: Any) -> None:
    """Whether each node answers: ready, loading, or why not. Exit code 1 unless all are ready."""

    def work(target: Target) -> str:
        facts: UnitFacts = gather(target.host, [unit_fact(UNIT, ())])[0]
        state = state_of(target.host, facts, require_node(target).server.port)
        if state != READY:
            raise TaskFailedError(state)
        return f"{state}, pid {facts.main_pid}, {facts.restarts} restarts"

    on_nodes(work)


@task("start")
def start(_c: Any) -> None:
    """Start the server and wait for its first token."""
    on_nodes(lambda target: _started(target, StartUnit(UNIT, "asked for")))


@task("stop")
def stop(_c: Any) -> None:
    """Stop the server; the next `pulumi up` starts it again."""

    def work(target: Target) -> str:
        run_steps(target.host, [StopUnit(UNIT)])
        return "stopped"

    on_nodes(work)


@task("restart")
def restart(_c: Any) -> None:
    """Restart the server and wait for its first token."""
    on_nodes(lambda target: _started(target, RestartUnit(UNIT, "asked for")))


@task("logs")
def logs(_c: Any, lines: str = "50", of: str = "server") -> None:
    """The last lines of the server's journal, or of its door's (--of door)."""
    count, units = count_of("--lines", lines), {"server": UNIT, "door": DOOR_UNIT}
    unit = units[word_of("--of", of, units)]
    script = f"journalctl -q -u {unit} -n {count} --no-pager -o short-iso"
    on_nodes(lambda target: run_or_raise(target.host, Command(script, "reading the journal")))


@task("ask")
def ask(_c: Any, question: str, max_tokens: str = "256", thinking: str = "") -> None:
    """Ask the model, through SSH; of several nodes each answers in turn (--thinking off)."""
    body = request_body(USUAL[word_of("--thinking", thinking, USUAL)]) if thinking else {}
    count, on, failed = count_of("--max-tokens", max_tokens), targets(), []

    def work(target: Target) -> str:
        port = require_node(target).server.port
        with connect(target.host, port) as client:
            for piece in client.ask(read_key(target.host), question, count, body):
                print(piece, end="", flush=True)
        return ""

    for target in on:
        print(f"{target.host.name}: ", end="", flush=True)
        _, error = outcome(work, target)
        print("" if error is None else f"FAILED  {error}")
        if error is not None:
            failed.append(target.host.name)
    end(failed, len(on))


@task("placement")
def placement(_c: Any) -> None:
    """Whether the served model lies where it was planned; exit code 1 where it does not."""
    served = _served()

    def work(target: Target) -> str:
        planned = size_node(target.host, require_node(target), served).planned
        account = require_as_planned(target.host, UNIT, planned)
        held = (f"{d.name} {d.total_bytes / MIB:,.0f} MiB" for d in account.devices)
        return f"as planned: {', '.join(held)}"

    on_nodes(work)


@task("measure")
def measure_speed(_c: Any) -> None:
    """Measure each idle node once; what it did is kept in the store, and replaces the guess."""
    served = _served()

    def work(target: Target) -> str:
        node = require_node(target)
        sizing = size_node(target.host, node, served)
        subject = node_subject(sizing.hardware, served.chosen, sizing.planned)
        with connect(target.host, node.server.port) as client:
            tokens = sizing.planned.context_tokens
            found = measure(client, read_key(target.host), subject, tokens)
        served.measurements.keep(found)
        speeds = (
            f"{found.decode_tokens_per_s:.3g} tokens/s, prompts {found.prompt_tokens_per_s:.3g}"
        )
        return f"{speeds}, at {found.depth_tokens} tokens of context"

    on_nodes(work)


def _served() -> Served:
    spec = stack()
    return Served.of(stack_store(spec), Chosen.of(spec), spec.prices, spec.policy)


def _started(target: Target, step: StartUnit | RestartUnit) -> str:
    server = require_node(target).server
    unit = Unit(UNIT, port=server.port)
    # Else it would crash at once, and say nothing of the port.
    unit.require_port(target.host.name, gather(target.host, [unit.fact()])[0])
    run_steps(target.host, [step])
    took_s = wait_ready(target.host, UNIT, server.port, server.ready_timeout_s)
    return f"ready: first token after {took_s:.1f} s"
