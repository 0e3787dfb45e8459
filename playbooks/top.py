"""`fab node.top`: how each node is, on one screen, for those without any Prometheus."""

from __future__ import annotations

import json as json_library
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from freehold.rent.book import LeaseBook, utc_now
from freehold.service.look import Change, Look, change, look_at, look_json
from freehold.service.look_lines import look_lines
from freehold.weights.open import stack_store
from playbooks.executor import task
from playbooks.nodes import Target, on_nodes, outcome, stack, targets
from playbooks.options import count_of
from playbooks.stack_id import stack_id

SPAN_S = 1.0  # between the two moments that `--once` compares
REDRAW_S = 0.5


@dataclass(frozen=True)
class Shown:
    """What is known of a node: its last look, and what kept it from another since."""

    look: Look | None = None
    since: Change | None = None
    error: str | None = None


@task("top")
def top(_c: Any, once: bool = False, json: bool = False, interval: str = "2") -> None:
    """Load, memory, heat, disks, GPUs, requests of each node, again and again until Ctrl-C
    (--once, and where this is no terminal: one look; --json: an object a node)."""
    interval_s, on, deadline = count_of("--interval", interval), targets(), _deadline()
    console = Console()

    def work(target: Target) -> str:
        name, port = target.host.name, target.node.server.port if target.node else None
        before = look_at(target.host, port)
        threading.Event().wait(SPAN_S)
        look = look_at(target.host, port, deadline)
        since = change(before, look)
        if json:
            return json_library.dumps(look_json(name, look, since))
        return "\n".join(look_lines(look, since, utc_now()))

    if once or json or not console.is_terminal:
        on_nodes(work, on, is_json=json)
    else:
        _watch(console, on, interval_s, deadline)


def _watch(console: Console, on: list[Target], interval_s: int, deadline: datetime | None) -> None:
    """Until Ctrl-C. A node that is slow or silent holds up no other."""
    shown = {target.host.name: Shown() for target in on}
    ended = threading.Event()
    for target in on:
        repeat = _looking(target, shown, ended, interval_s, deadline)
        threading.Thread(target=repeat, daemon=True).start()
    try:
        with Live(_screen(shown), console=console, screen=True, auto_refresh=False) as live:
            while not ended.wait(REDRAW_S):
                live.update(_screen(shown), refresh=True)
    except KeyboardInterrupt:
        return
    finally:
        ended.set()
        for target in on:
            target.host.cancel()
            target.host.close()


def _looking(
    target: Target,
    shown: dict[str, Shown],
    ended: threading.Event,
    interval_s: int,
    deadline: datetime | None,
) -> Callable[[], None]:
    name, port = target.host.name, target.node.server.port if target.node else None

    def once() -> str:
        look = look_at(target.host, port, deadline)
        shown[name] = Shown(look, change(shown[name].look, look))
        return ""

    def repeat() -> None:
        while not ended.is_set():
            _, error = outcome(lambda _target: once(), target, keep=True)
            if error is not None:
                shown[name] = Shown(shown[name].look, None, error)
            ended.wait(interval_s)

    return repeat


def _screen(shown: dict[str, Shown]) -> Group:
    panels = []
    for name, each in shown.items():
        lines = look_lines(each.look, each.since, utc_now()) if each.look else []
        if each.error:
            lines = [f"NO ANSWER  {each.error}", *lines]
        panels.append(Panel(Text("\n".join(lines or ["..."])), title=name, title_align="left"))
    return Group(*panels)


def _deadline() -> datetime | None:
    """Of the lease that the stack's node is rented under."""
    spec = stack() if any(target.node for target in targets()) else None
    if spec is None or spec.rented is None:
        return None
    record = next(iter(LeaseBook(stack_store(spec).objects).open_records(stack_id())), None)
    return record.deadline if record else None
