"""A quote as a person reads it: the table, what rules out, what nobody said, what was taken."""

from __future__ import annotations

from collections.abc import Iterator

from freehold.rent.asked import Unasked
from freehold.rent.lease import Market
from freehold.rent.machine import CATALOGUED_AT, CATALOGUED_IN
from freehold.rent.need import BOOT_S, Need
from freehold.rent.quote import Quote
from freehold.rent.row import Reason, Row
from freehold.sizing.table import aligned

_HEAD = [
    "type", "GPUs", "bought", "region", "zones", "USD/h", "ready h", "tok/s", "paid h", "USD",
    "vCPUs free", "price", "",
]  # fmt: skip
_SHOWN_TRIES = 5


def quote_lines(quote: Quote) -> list[str]:
    """All of it, a line each."""
    return [
        _heading(quote),
        *_prices(quote),
        "",
        *aligned([_HEAD, *map(_cells, quote.rows)]),
        *_spot(quote),
        *_ruled_out(quote),
        *_unfit(quote),
        *_unasked(quote),
        *_tries(quote),
        *taken_lines(quote.need),
    ]


def taken_lines(need: Need) -> Iterator[str]:
    """What nobody measured, and the costs are counted with."""
    sync_h = need.sync_s(None) / 3600
    yield ""
    yield (
        f"taken, not measured: {BOOT_S / 60:.0f} min to boot; {need.weights_bytes / 1e9:.1f} GB of "
        f"weights at {need.sync_mbit_per_s:,.0f} Mbit/s are there in {sync_h:.2f} h (--sync-mbit)"
    )
    if need.model is not None:
        yield (
            "tok/s (of all slots together) and the time to load are predictions: "
            "fab size --on TYPE says how sure they are"
        )


def _heading(quote: Quote) -> str:
    model = quote.need.model
    name = f"{model.name} {model.quant}".strip() if model else "a model that is placed by hand"
    spent = f", {quote.need.spent_usd:.2f} spent" if quote.need.spent_usd else ""
    budget = quote.wish.budget_usd
    limit = "" if budget is None else f", budget {budget:.2f} USD{spent}"
    return f"{name}: cost of {quote.need.task_in_words(quote.wish)}{limit}"


def _prices(quote: Quote) -> Iterator[str]:
    catalogue = f"on demand in {CATALOGUED_IN}, {CATALOGUED_AT}"
    if quote.is_offline:
        yield f"offline: prices are the catalogue's ({catalogue}), nothing else was asked"
        return
    yield f"AWS was asked at {quote.asked_at:%Y-%m-%d %H:%M} UTC"
    if any(_is_catalogued(row) for row in quote.rows):
        yield f"prices marked catalogue are not AWS's of today: {catalogue}"


def _is_catalogued(row: Row) -> bool:
    return row.priced_at.startswith("catalogue")


def _cells(row: Row) -> list[str]:
    fit = row.fit
    zones = "?" if isinstance(row.zones, Unasked) else "".join(zone[-1] for zone in row.zones)
    return [
        row.instance_type,
        fit.machine.gpus,
        row.market,
        row.region,
        zones or "-",
        _number(row.usd_per_hour),
        f"{fit.ready_hours:.2f}",
        _number(fit.all_tokens_per_s, 1),
        _number(row.hours),
        _number(row.usd),
        _quota(row),
        _price(row),
        "ruled out" if row.is_ruled_out else "",
    ]


def _number(value: float | None, digits: int = 2) -> str:
    return "?" if value is None else f"{value:,.{digits}f}"


def _quota(row: Row) -> str:
    if row.market is Market.BLOCK:
        return "none"
    if row.quota is None or isinstance(row.quota, Unasked):
        return "?"
    used = row.quota.used_vcpus
    free = row.quota.vcpus - (used or 0)
    return f"{row.fit.machine.vcpus} of {free:.0f}{'' if used is not None else '?'}"


def _price(row: Row) -> str:
    if row.usd_per_hour is None:
        return "?"
    if row.market is Market.BLOCK:
        return "prepaid"
    return "catalogue" if _is_catalogued(row) else "live"


def _spot(quote: Quote) -> Iterator[str]:
    for row in quote.rows:
        shown = [f"{z} {p.last:.2f} ({p.low:.2f} to {p.high:.2f})" for z, p in row.spot]
        if shown:
            yield f"spot of {row.instance_type}, last and of 7 days: {', '.join(shown)}"


def _ruled_out(quote: Quote) -> Iterator[str]:
    """Each reason once, with all that it rules out."""
    ruled_out: dict[Reason, list[str]] = {}
    for row in quote.rows:
        for reason in row.reasons:
            ruled_out.setdefault(reason, []).append(str(row))
    if ruled_out:
        yield ""
        yield "ruled out:"
    for reason, rows in ruled_out.items():
        yield f"- {reason}: {'; '.join(rows)}"
        if reason.hint:
            yield f"  Hint: {reason.hint}"


def _unfit(quote: Quote) -> Iterator[str]:
    if quote.unfit:
        yield ""
        yield "of no use here:"
    for fit in quote.unfit:
        yield f"- {fit.machine.instance_type} ({fit.machine.gpus}): {'; '.join(fit.reasons)}"


def _unasked(quote: Quote) -> Iterator[str]:
    notes = [f"{row}: {note}" for row in quote.rows if not row.is_ruled_out for note in row.notes]
    notes += quote.notes
    for each, count in quote.unasked:
        more = f" (and {count - 1} more questions)" if count > 1 else ""
        notes.append(f"not known: {each}{more}")
        if each.hint:
            notes.append(f"Hint: {each.hint}")
    if notes:
        yield ""
    yield from notes


def _tries(quote: Quote) -> Iterator[str]:
    offers = quote.offers
    yield ""
    if not offers:
        yield "nothing of this can be rented now"
        return
    yield "pulumi up would try, in this order:"
    yield from (f"  {offer}" for offer in offers[:_SHOWN_TRIES])
    if len(offers) > _SHOWN_TRIES:
        yield f"  and {len(offers) - _SHOWN_TRIES} more"
