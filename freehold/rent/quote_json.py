"""A quote as data, for `--json`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from freehold.rent.asked import Unasked
from freehold.rent.lease import Offer, time_text
from freehold.rent.need import BOOT_S
from freehold.rent.quote import Quote
from freehold.rent.row import Row


def quote_json(quote: Quote) -> dict[str, Any]:
    """Times are UTC, money US dollars; null is not known."""
    need = quote.need
    return {
        "asked_at": time_text(quote.asked_at),
        "is_offline": quote.is_offline,
        "wish": quote.wish.to_dict(),
        "task": {
            "hours": need.hours,
            "tokens": need.tokens,
            "in_words": need.task_in_words(quote.wish),
        },
        "spent_usd": need.spent_usd,
        "taken": {
            "boot_s": BOOT_S,
            "weights_bytes": need.weights_bytes,
            "sync_mbit_per_s": need.sync_mbit_per_s,
        },
        "rows": [_row(row) for row in quote.rows],
        "unfit": [
            {"type": fit.machine.instance_type, "gpus": fit.machine.gpus, "why": list(fit.reasons)}
            for fit in quote.unfit
        ],
        "tries": [_offer(offer) for offer in quote.offers],
        "not_known": [
            {"asked": each.place, "why": each.why, "questions": count}
            for each, count in quote.unasked
        ],
        "notes": list(quote.notes),
    }


def _offer(offer: Offer) -> dict[str, Any]:
    return asdict(offer)


def _row(row: Row) -> dict[str, Any]:
    fit, block, quota = row.fit, row.block, row.quota
    return {
        "type": row.instance_type,
        "gpus": fit.machine.gpus,
        "market": row.market.value,
        "region": row.region,
        "zones": None if isinstance(row.zones, Unasked) else list(row.zones),
        "usd_per_hour": row.usd_per_hour,
        "priced_at": row.priced_at or None,
        "mode": fit.mode,
        "sync_s": fit.sync_s,
        "load_s": fit.load_s,
        "ready_hours": fit.ready_hours,
        "tokens_per_s": fit.tokens_per_s,
        "all_tokens_per_s": fit.all_tokens_per_s,
        "paid_hours": row.hours,
        "usd": row.usd,
        "quota": None
        if quota is None or isinstance(quota, Unasked)
        else {
            "code": quota.kind.code,
            "vcpus": quota.vcpus,
            "used_vcpus": quota.used_vcpus,
            "needed_vcpus": fit.machine.vcpus,
        },
        "spot": {zone: {**asdict(price), "at": time_text(price.at)} for zone, price in row.spot},
        "block": None
        if block is None
        else {**asdict(block), "start": time_text(block.start), "end": time_text(block.end)},
        "ruled_out": [{"why": reason.why, "hint": reason.hint} for reason in row.reasons],
        "notes": list(row.notes),
    }
