"""`fab node.telemetry`: the files by which your own Prometheus and Grafana watch the stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from freehold.errors import FreeholdError
from freehold.render.prometheus import telemetry_files
from playbooks.executor import task
from playbooks.nodes import stack, stack_name, targets
from playbooks.progress import warn


@task("telemetry")
def telemetry(_c: Any, out: str = "", dcgm: bool = False) -> None:
    """Write scrape configuration, alert rules and a dashboard into the folder --out (--dcgm: where
    the nodes run dcgm-exporter too)."""
    if not out:
        raise FreeholdError.of("--out", "expected a folder, got nothing")
    spec, on = stack(), targets()
    addresses = {target.host.name: target.host.address for target in on}
    days = min(node.server.verified_within_days for node in spec.nodes)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in telemetry_files(stack_name(), addresses, days, dcgm).items():
        (folder / name).write_text(text)
        print(folder / name)
    if spec.telemetry is None:
        warn(
            "the stack has no freehold:telemetry: its nodes write nothing of their server and GPUs"
        )
