"""A verdict as JSON has it: keys that stay as they are, bytes as integers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from freehold.sizing.cost import Cost
from freehold.sizing.hardware import Hardware
from freehold.sizing.held import Interval, Run
from freehold.sizing.layout import Layout, Refusal, Use
from freehold.sizing.model import ModelShape
from freehold.sizing.planned import Planned
from freehold.sizing.speed import Speed
from freehold.sizing.thinking import ThinkingCost
from freehold.sizing.verdict import Verdict


def verdict_json(verdict: Verdict, known_flags: Collection[str]) -> dict[str, Any]:
    """All of it; `known_flags` are those of the build in whose words the flags are told."""
    answer = verdict.answer
    return {
        "fits": verdict.fits,
        "model": _model(answer.model),
        "hardware": _hardware(answer.hardware),
        "run": _run(answer.run),
        "uses": [_use(use) for use in answer.uses],
        **(_layout(answer, known_flags) if isinstance(answer, Layout) else _refusal(answer)),
        "speed": _speed(verdict.speed) if verdict.speed else None,
        "cost": _cost(verdict.cost) if verdict.cost else None,
        "thinking": [_thinking(each) for each in verdict.thinking],
        "rival": asdict(verdict.rival) if verdict.rival else None,
        "owning": [asdict(row) for row in verdict.owning],
    }


def _model(model: ModelShape) -> dict[str, Any]:
    return {
        "name": model.name,
        "quant": model.quant,
        "architecture": model.architecture,
        "file_bytes": model.file_bytes,
        "bytes_by_role": {role.name.lower(): size for role, size in model.bytes_by_role.items()},
        "blocks": len(model.blocks),
        "context_max_tokens": model.context_max_tokens,
        "guessed": list(model.guessed),
    }


def _hardware(hardware: Hardware) -> dict[str, Any]:
    known = asdict(hardware)
    return {**known, "devices": [*known["devices"]], "guessed": list(hardware.guessed)}


def _run(run: Run) -> dict[str, Any]:
    return {**asdict(run), "cells": run.cells}


def _use(use: Use) -> dict[str, Any]:
    return {
        "device": use.device,
        "capacity_bytes": use.capacity_bytes,
        "headroom_bytes": use.headroom_bytes,
        "weights_bytes": use.weights_bytes,
        "weights_by_role": {role.name.lower(): n for role, n in use.weights_by_role.items() if n},
        "kv_bytes": use.kv_bytes,
        "indexer_kv_bytes": use.indexer_kv_bytes,
        "output_buffer_bytes": use.output_buffer_bytes,
        "compute_bytes": _bytes(use.compute),
        "overhead_bytes": use.overhead_bytes,
        "total_bytes": _bytes(use.total),
        "left_bytes": use.left_bytes,
        "blocks": list(use.held.blocks),
        "has_output": use.held.has_output,
        "experts": [[block, what] for block, what in use.experts],
    }


def _layout(layout: Layout, known_flags: Collection[str]) -> dict[str, Any]:
    planned = Planned.of(layout, known_flags)
    return {
        "mode": layout.mode.name.lower(),
        "load_mode": layout.load_mode.value,
        "threads": layout.threads,
        "wired_limit_bytes": layout.wired_limit_bytes,
        "flags": [list(flag) for flag in all_flags(planned)],
        "why": list(layout.why),
    }


def all_flags(planned: Planned) -> tuple[tuple[str, ...], ...]:
    """What the engine is given of a plan: the service's own, then those of the layout."""
    return (
        ("--ctx-size", str(planned.context_tokens * planned.slots)),
        ("--parallel", str(planned.slots)),
        ("--threads", str(planned.threads)),
        *planned.flags,
    )


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {
        "shortfalls": [
            {**asdict(short), "missing_bytes": short.missing_bytes} for short in refusal.shortfalls
        ],
        "ways_out": [asdict(way) for way in refusal.ways_out],
    }


def _speed(speed: Speed) -> dict[str, Any]:
    return {
        "decode_tokens_per_s": asdict(speed.decode),
        "decode_total_tokens_per_s": asdict(speed.decode_total),
        "prompt_tokens_per_s": asdict(speed.prompt),
        "load_s": asdict(speed.load_s),
        "bound": speed.bound,
        "prompt_bound": speed.prompt_bound,
        "depth_tokens": speed.depth_tokens,
        "read_bytes_per_token": dict(speed.read_bytes),
        "assumed": list(speed.assumed),
        "measured_at": speed.measured_at,
    }


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "basis": cost.basis,
        "usd_per_hour": cost.usd_per_hour,
        "usd_to_load": asdict(cost.to_load),
        "usd_per_million_tokens": asdict(cost.per_million),
        "usd_per_million_tokens_all_slots": asdict(cost.per_million_all_slots),
        "usd_for_ttl": cost.for_ttl,
    }


def _thinking(each: ThinkingCost) -> dict[str, Any]:
    return {
        "name": each.preset.name,
        "template_kwargs": dict(each.preset.template_kwargs),
        "expected_tokens": asdict(each.preset.expected_tokens),
        "source": each.preset.source,
        "minutes": asdict(each.minutes),
        "usd": asdict(each.usd) if each.usd else None,
    }


def _bytes(interval: Interval) -> dict[str, int]:
    return {end: round(size) for end, size in asdict(interval).items()}
