"""`fab rent.quote`: what could be rented for the stack's model, what it costs, what forbids it."""

from __future__ import annotations

import json as json_library
from dataclasses import replace
from typing import Any

from invoke.exceptions import Exit

from freehold.errors import FreeholdError, Problem
from freehold.rent.aws import Aws
from freehold.rent.book import LeaseBook, utc_now
from freehold.rent.lease import Market
from freehold.rent.need import Need
from freehold.rent.needed import need_of
from freehold.rent.quote import quote as quoted
from freehold.rent.quote_json import quote_json
from freehold.rent.quote_lines import quote_lines
from freehold.rent.wish import Wish
from freehold.spec.model import Spec
from freehold.spec.rented import Rented
from freehold.weights.open import stack_store
from playbooks.executor import task
from playbooks.nodes import stack
from playbooks.stack_id import stack_id

ABOUT = {
    "hours": "hours of serving that are wanted, once it answers; else the stack's whole lease",
    "tokens": "tokens to decode in all slots, once it answers (1e6)",
    "sync-mbit": "Mbit/s that the weights are taken to arrive with (1e6 bits)",
    "offline": "ask nobody: prices are the catalogue's, and quotas and places are not known",
    "all": "every type of the catalogue, bought in every way",
    "json": "print all of it as JSON",
}


@task("quote", about=ABOUT)
def quote(
    _c: Any,
    hours: str = "",
    tokens: str = "",
    sync_mbit: str = "",
    offline: bool = False,
    all: bool = False,
    json: bool = False,
) -> None:
    """What the stack could rent now, by its cost for the task, and what rules each out."""
    asked = _numbers({"hours": hours, "tokens": tokens, "sync-mbit": sync_mbit})
    spec = stack()
    rented = _rented(spec)
    wish = Wish.of(rented)
    if all:
        wish = replace(wish, types=(), markets=tuple(Market))
    found = quoted(None if offline else Aws(), wish, _need(spec, wish, asked), utc_now())
    print(
        json_library.dumps(quote_json(found), indent=2) if json else "\n".join(quote_lines(found))
    )
    if not found.offers:
        raise Exit(code=1)


def _rented(spec: Spec) -> Rented:
    if spec.rented is None:
        raise FreeholdError.of(
            "freehold:rented",
            "expected what may be rented, found nothing",
            "stacks/reference.yaml has its keys",
        )
    return spec.rented


def _need(spec: Spec, wish: Wish, asked: dict[str, float | None]) -> Need:
    store = stack_store(spec)
    need = need_of(
        store,
        spec.store,
        spec.model.weights,
        spec.nodes[0].server,
        spec.policy,
        types_are_given=bool(wish.types),
        spent_usd=LeaseBook(store.objects).spent_usd(stack_id(), utc_now()),
    )
    sync_mbit_per_s = asked["sync-mbit"] or need.sync_mbit_per_s
    return replace(
        need, hours=asked["hours"], tokens=asked["tokens"], sync_mbit_per_s=sync_mbit_per_s
    )


def _numbers(options: dict[str, str]) -> dict[str, float | None]:
    """Raises FreeholdError naming all that are none."""
    found: dict[str, float | None] = {}
    problems: list[Problem] = []
    for name, text in options.items():
        try:
            found[name] = float(text) if text else None
        except ValueError:
            found[name] = 0.0
        value = found[name]
        if value is not None and not 0 < value < float("inf"):
            problems.append(Problem(f"--{name}", f'expected a number above 0, got "{text}"'))
    if found["hours"] and found["tokens"]:
        problems.append(Problem("--tokens", "expected it or --hours, got both"))
    if problems:
        raise FreeholdError(problems)
    return found
