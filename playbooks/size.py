"""Sizing: does a model fit on a machine, where each part goes, how fast, and what it costs."""

from __future__ import annotations

from typing import Any

from invoke.exceptions import Exit

from freehold.catalog.hardware import known_hardware
from freehold.catalog.models import known_model, known_models
from freehold.sizing.table import aligned
from playbooks.executor import task
from playbooks.nodes import ROOT
from playbooks.size_docs import write_docs
from playbooks.size_machine import size_machine
from playbooks.size_nodes import size_nodes
from playbooks.size_options import ABOUT, Form, asked_of


@task("fit", is_default=True, about=ABOUT)
def fit(
    _c: Any,
    model: str = "",
    quant: str = "",
    on: str = "",
    context: str = "",
    slots: str = "",
    cache_type: str = "",
    ubatch: str = "",
    mtp: bool = False,
    headroom_gpu: str = "",
    headroom_ram: str = "",
    devices: str = "",
    flags: bool = False,
    json: bool = False,
    plot: str = "",
    kwh: str = "",
    hours: str = "",
    api_price: str = "",
    purchase: str = "",
    store: str = "",
    engine: str = "",
    ask_engine: bool = False,
) -> None:
    """Does it fit, how fast, what it costs: --on a machine, or on the stack's nodes."""
    given = {
        "model": model, "quant": quant, "on": on, "store": store, "engine": engine, "plot": plot,
        "context": context, "slots": slots, "cache-type": cache_type, "ubatch": ubatch,
        "headroom-gpu": headroom_gpu, "headroom-ram": headroom_ram, "devices": devices,
        "kwh": kwh, "hours": hours, "api-price": api_price, "purchase": purchase,
    }  # fmt: skip
    asked = asked_of(given, has_mtp=mtp, asks_engine=ask_engine, form=Form.of(flags, json))
    if not (size_machine(asked) if asked.on else size_nodes(asked)):
        raise Exit(code=1)


@task("models")
def models(_c: Any) -> None:
    """The models that are known by name, and their quants."""
    for name in known_models():
        known = known_model(name)[0]
        print(f"{known.name}: {known.publisher}, {known.license}, {known.source}")
        rows = [["  quant", "GB", "files"]]
        rows += [[f"  {q.name}", f"{q.size_bytes / 1e9:.1f}", f"{q.shards}"] for q in known.quants]
        print("\n".join(aligned(rows)))


@task("hardware")
def hardware(_c: Any) -> None:
    """The machines and cards that are known by name, for --on."""
    found = known_hardware()
    width = max(len(name) for name, _ in found)
    for name, summary in found:
        print(f"{name:<{width}}  {summary}")


@task("docs")
def docs(_c: Any) -> None:
    """Write docs/sizing/ again, from the catalogue."""
    for path in write_docs(ROOT / "docs" / "sizing"):
        print(path.relative_to(ROOT))
