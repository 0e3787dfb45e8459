"""Wiping: weights leave the nodes, as far as their disks allow, and what was done is told."""

from __future__ import annotations

from typing import Any

from freehold.apply.script import run_steps
from freehold.apply.wipe import WipeRecord, wipe
from freehold.custody.keeper import Keeper
from freehold.facts.fact import gather
from freehold.facts.file import FileFacts, file_fact
from freehold.facts.unit import UnitFacts, unit_fact
from freehold.hosts.host import HostError
from freehold.plan.steps import PruneFolders, StopUnit, WipeSets
from freehold.render.paths import UNIT, UNIT_PATH
from freehold.weights.open import stack_store
from playbooks.executor import task
from playbooks.nodes import Target, on_nodes, stack
from playbooks.progress import warn


@task("wipe")
def wipe_weights(_c: Any, name: str, stop: bool = False) -> None:
    """Wipe the weights NAME from the nodes (--stop: first stop the server that has them)."""
    spec = stack()
    keeper = Keeper(lambda: stack_store(spec), spec.owner, warn)

    def work(target: Target) -> str:
        if _serves(target, name):
            if not stop:
                raise HostError.of(
                    target.host.name, f"{UNIT} runs with {name}", "--stop stops it first"
                )
            run_steps(target.host, [StopUnit(UNIT)])
        records = wipe(target.host, WipeSets(spec.wipe, name))
        for record in records:
            keeper.gone(target.host, record.folder, **record.details)
        run_steps(target.host, [PruneFolders()])
        return "\n".join(map(told, records)) or f"{name} is not here"

    on_nodes(work)


def told(record: WipeRecord) -> str:
    """A record for a person."""
    rate = record.size_bytes / 1e6 / max(record.known["seconds"], 1e-3)
    took = f"{record.size_bytes:,} bytes in {record.known['seconds']:.1f} s, {rate:,.0f} MB/s"
    return f"{record.folder}: {record.wiped}, {took}\n{record.claims}"


def _serves(target: Target, name: str) -> bool:
    """Whether the server runs with a set of that name; also where it has read it into memory."""
    unit: UnitFacts
    file: FileFacts | None
    unit, file = gather(target.host, [unit_fact(UNIT, ()), file_fact(UNIT_PATH)])
    return unit.is_running and file is not None and f"/weights/{name}-".encode() in file.content
