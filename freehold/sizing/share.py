"""What one device, or the host, computes of a model's graph: the terms that its buffer follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from freehold.sizing.held import Held
from freehold.sizing.model import Block, ModelShape

PIPELINE_COPIES = 4
"""Of everything that passes from one device to the next. Source: GGML_SCHED_MAX_COPIES."""

_KEPT = 3


@dataclass(frozen=True)
class BlockKind:
    """What tells blocks apart for their graph.

    `is_last`: of the trunk, after whose attention only the outputs' rows go on.
    `copies_weights`: its experts are computed here, with weights that lie on the host.
    """

    is_full: bool = False
    is_moe: bool = False
    has_experts_elsewhere: bool = False
    copies_weights: bool = False
    is_last: bool = False


@dataclass(frozen=True)
class Share:
    """In a form that devices which compute alike have in common.

    `unwritten` counts blocks that are left out, since others of their kind are in `blocks`: only
    what they keep from the start matters. `begins_late`: the first norm is computed before it.
    `begins_with_experts`: what the block before has on the host comes in, not yet added up.
    `away`: whether experts are computed here for blocks on an earlier device, on the last one.
    `devices`: that the host sees, of which more than two are like two.
    """

    blocks: tuple[BlockKind, ...]
    unwritten: int = 0
    is_host: bool = False
    begins_late: bool = False
    begins_with_experts: bool = False
    has_output: bool = False
    experts_bytes: tuple[tuple[str, int], ...] = ()
    away: tuple[bool, bool] = (False, False)
    devices: int = 0
    copies: int = 1


def trunk_share(model: ModelShape, held: Held) -> Share:
    """What `held` computes of the trunk."""
    own = [model.blocks[index] for index in held.blocks if not model.blocks[index].is_mtp]
    blocks, unwritten = _thinned(_kinds(model, held, own))
    trunk_away = [i for i in held.computes_experts_of if not model.blocks[i].is_mtp]
    away, devices = _away(
        held, trunk_away, len(model.trunk) - 1, has_all=len(own) == len(model.trunk)
    )
    return Share(
        blocks,
        unwritten,
        is_host=held.is_host,
        has_output=held.has_output,
        experts_bytes=_experts_bytes(model, held, trunk_away),
        away=away,
        devices=devices,
        copies=PIPELINE_COPIES if held.is_pipelined else 1,
    )


def mtp_share(model: ModelShape, held: Held) -> Share | None:
    """What `held` computes of the drafting context; None for nothing at all."""
    own = [model.blocks[index] for index in held.blocks if model.blocks[index].is_mtp]
    away = [i for i in held.computes_experts_of if model.blocks[i].is_mtp]
    if not own and not held.is_host:
        return None
    return Share(
        tuple(_kinds(model, held, own[:1])),
        is_host=held.is_host,
        has_output=bool(own),
        experts_bytes=_experts_bytes(model, held, away),
        away=(False, bool(away)),
        devices=0 if own else 1,
    )


def _kinds(model: ModelShape, held: Held, own: Sequence[Block]) -> list[BlockKind]:
    away, computed = set(held.offloaded_experts), set(held.computes_experts_of)
    last = len(model.trunk) - 1
    return [
        BlockKind(
            is_full=block.has_indexer,
            is_moe=bool(block.experts),
            has_experts_elsewhere=block.index in away and block.index not in computed,
            copies_weights=block.index in away and block.index in computed,
            is_last=block.index == last,
        )
        for block in own
    ]


def _thinned(kinds: Sequence[BlockKind]) -> tuple[tuple[BlockKind, ...], int]:
    """The first three of each kind, and how many others there are: they need the same again."""
    seen: dict[BlockKind, int] = {}
    kept = []
    for kind in kinds:
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= _KEPT:
            kept.append(kind)
    return tuple(kept), len(kinds) - len(kept)


def _away(
    held: Held, away: Sequence[int], last_block: int, *, has_all: bool
) -> tuple[tuple[bool, bool], int]:
    """Whether experts are computed here for others, and how many devices the host sees."""
    # After the last block's attention only the outputs' rows go on: next to nothing.
    others = [index for index in away if index not in held.blocks and index != last_block]
    if not held.is_host:
        return (bool(others), False), 0
    if has_all:
        return (False, False), 0
    last = held.last_device_from
    if last is None:  # the worse: that the host keeps its inputs while it computes
        return (bool(others), False), 2
    before = (held.blocks[-1] + 1 if held.blocks else 0) < last
    early = any(index < last for index in others)
    return (early, any(index >= last for index in others)), 2 if before else 1


def _experts_bytes(
    model: ModelShape, held: Held, away: Sequence[int]
) -> tuple[tuple[str, int], ...]:
    """Of weights that a device copies to itself, by name: the most of any block."""
    if held.is_host:
        return ()
    most: dict[str, int] = {}
    for index in away:
        for name, size in model.blocks[index].experts.items():
            most[name] = max(most.get(name, 0), size)
    return tuple(sorted(most.items()))
