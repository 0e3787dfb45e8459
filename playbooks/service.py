"""The server on the nodes: its state, start and stop, its log, a question."""

from __future__ import annotations

from typing import Any

from freehold.apply.script import run_steps
from freehold.facts.fact import gather
from freehold.facts.unit import UnitFacts, unit_fact
from freehold.hosts.command import Command
from freehold.hosts.host import run_or_raise
from freehold.plan.steps import RestartUnit, StartUnit, StopUnit
from freehold.plan.unit import Unit
from freehold.render.paths import UNIT
from freehold.service.client import connect, read_key
from freehold.service.ready import wait_ready
from freehold.service.state import READY, state_of
from playbooks.executor import task
from playbooks.nodes import (
    Target,
    TaskFailedError,
    end,
    on_nodes,
    outcome,
    require_node,
    targets,
)
from playbooks.options import count_of


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
def logs(_c: Any, lines: str = "50") -> None:
    """The last lines of the server's journal."""
    count = count_of("--lines", lines)
    script = f"journalctl -q -u {UNIT} -n {count} --no-pager -o short-iso"
    on_nodes(lambda target: run_or_raise(target.host, Command(script, "reading the journal")))


@task("ask")
def ask(_c: Any, question: str, max_tokens: str = "256") -> None:
    """Ask the model, through SSH; of several nodes each answers in turn."""
    count, on, failed = count_of("--max-tokens", max_tokens), targets(), []

    def work(target: Target) -> str:
        port = require_node(target).server.port
        with connect(target.host, port) as client:
            for piece in client.ask(read_key(target.host), question, count):
                print(piece, end="", flush=True)
        return ""

    for target in on:
        print(f"{target.host.name}: ", end="", flush=True)
        _, error = outcome(work, target)
        print("" if error is None else f"FAILED  {error}")
        if error is not None:
            failed.append(target.host.name)
    end(failed, len(on))


def _started(target: Target, step: StartUnit | RestartUnit) -> str:
    server = require_node(target).server
    unit = Unit(UNIT, port=server.port)
    # Else it would crash at once, and say nothing of the port.
    unit.require_port(target.host.name, gather(target.host, [unit.fact()])[0])
    run_steps(target.host, [step])
    took_s = wait_ready(target.host, UNIT, server.port, server.ready_timeout_s)
    return f"ready: first token after {took_s:.1f} s"
