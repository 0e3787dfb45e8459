"""Bytes by entry, as the engine places them: one entry a block, then one for the output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from freehold.sizing.held import Run
from freehold.sizing.kv import indexer_kv_bytes, kv_bytes
from freehold.sizing.model import Block, ModelShape, Role


@dataclass(frozen=True)
class Entry:
    """What lands on a device together, in bytes: `shell` is all but the routed experts."""

    index: int
    shell: Mapping[Role, int]
    experts: Mapping[str, int]
    kv_bytes: int = 0
    indexer_kv_bytes: int = 0
    is_block: bool = True
    """Whether attention runs there: not for the output, nor for a block that is skipped."""
    begins_anew: bool = True
    """Whether it needs nothing of the blocks before it but their output: no shared indexer."""

    @property
    def shell_bytes(self) -> int:
        return sum(self.shell.values()) + self.kv_bytes + self.indexer_kv_bytes

    @property
    def expert_bytes(self) -> int:
        return sum(self.experts.values())

    @property
    def size_bytes(self) -> int:
        return self.shell_bytes + self.expert_bytes


def entries(model: ModelShape, run: Run) -> tuple[Entry, ...]:
    """The model's entries in the engine's order."""
    return (*(_entry(model, run, block) for block in model.blocks), _output(model))


def _entry(model: ModelShape, run: Run, block: Block) -> Entry:
    is_run = run.has_mtp or not block.is_mtp
    shares = model.is_sparse and not block.is_mtp and not block.has_indexer
    if not is_run:
        shell = {Role.MTP: block.always_bytes} if block.always_bytes else {}
        return Entry(block.index, shell, {}, is_block=False)
    shell = {r: n for r, n in block.bytes_by_role.items() if r is not Role.ROUTED_EXPERTS}
    if block.is_mtp:  # one role for all of it: what of it are experts is told apart here
        shell = {Role.MTP: block.size_bytes - block.expert_bytes}
    return Entry(
        block.index,
        shell,
        block.experts,
        kv_bytes(model, run, (block.index,)),
        indexer_kv_bytes(model, run, (block.index,)),
        begins_anew=not shares,
    )


def _output(model: ModelShape) -> Entry:
    return Entry(len(model.blocks), {Role.OUTPUT: model.output_bytes}, {}, is_block=False)


def added(parts: Iterable[Mapping[Role, int]]) -> dict[Role, int]:
    """The sum by role."""
    total: dict[Role, int] = {}
    for part in parts:
        for role, size in part.items():
            total[role] = total.get(role, 0) + size
    return total
