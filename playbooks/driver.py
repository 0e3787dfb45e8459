"""The NVIDIA driver on the nodes: what it is, what of it is Freehold's, and its removal."""

from __future__ import annotations

from typing import Any

from freehold.apply.script import run_steps
from freehold.facts.driver import DriverFacts, driver_fact
from freehold.facts.fact import gather
from freehold.plan.driver_removal import driver_removal
from freehold.plan.steps import describe
from freehold.render.driver_paths import FILES, KEYRING, SOURCE
from playbooks.executor import task
from playbooks.nodes import Target, on_nodes

FACT = driver_fact(FILES, keyring=KEYRING, source=SOURCE)


@task("show")
def show(_c: Any) -> None:
    """The driver of each node, and what of it Freehold installed and placed."""
    on_nodes(_told)


@task("remove")
def remove(_c: Any) -> None:
    """Take off what Freehold installed of the driver; what was there before comes back."""

    def work(target: Target) -> str:
        steps = driver_removal(_facts(target))
        if not steps:
            return "nothing of a driver here is Freehold's"
        run_steps(target.host, steps)
        return "\n".join([*map(describe, steps), "the loaded module stays until the next boot"])

    on_nodes(work)


def _facts(target: Target) -> DriverFacts:
    found: DriverFacts = gather(target.host, [FACT])[0]
    return found


def _told(target: Target) -> str:
    found = _facts(target)
    lines = {
        "GPUs": ", ".join(found.listed or found.gpus) or "none",
        "loaded": found.loaded_version or "none",
        "on disk": found.on_disk_version or "none",
        "library": found.library_version or "none",
        "installed by Freehold": ", ".join(found.installed_by_us) or "nothing",
        "placed by Freehold": ", ".join(found.kept) or "nothing",
        "held": ", ".join(sorted(found.held)) or "nothing",
    }
    return "\n".join(f"{name:<24}{value}" for name, value in lines.items())
