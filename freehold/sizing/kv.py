"""The KV cache to the byte, and the buffer that the output's logits are kept in.

Every formula was held against the engine's own account (build 10434); its source is
llama_kv_cache, llama_kv_cache_dsa and llama_kv_cache_iswa in llama.cpp.
"""

from __future__ import annotations

from collections.abc import Iterable

from freehold.sizing.held import Run, pad
from freehold.sizing.model import CACHE_TYPES, Block, ModelShape

MTP_CACHE_TYPE = "f16"
"""Of the context that drafts, whatever the main one has. Source: common_params_speculative."""

DRAFT_TOKENS_MAX = 3
"""That the engine drafts at a time; each of them is an output besides the last token. Source:
common_params_speculative_draft::n_max, seen in the account of build 10434."""


def kv_bytes(model: ModelShape, run: Run, blocks: Iterable[int]) -> int:
    """Of K and V in these blocks, in bytes; of MLA only K, which holds V too.

    An MTP block counts where the run drafts.
    """
    total = 0
    for block in (model.blocks[index] for index in blocks):
        if block.is_mtp and not run.has_mtp:
            continue
        cache = CACHE_TYPES[MTP_CACHE_TYPE if block.is_mtp else run.cache_type]
        row = cache.size_bytes(block.k_elements) + cache.size_bytes(block.v_elements)
        total += cells(run, block) * row
    return total


def indexer_kv_bytes(model: ModelShape, run: Run, blocks: Iterable[int]) -> int:
    """Of the indexers' keys, in bytes: only blocks with an indexer of their own cache any."""
    cache = CACHE_TYPES[run.cache_type]
    return sum(
        cells(run, block) * cache.size_bytes(block.indexer_elements)
        for block in (model.blocks[index] for index in blocks)
        if not block.is_mtp
    )


def cells(run: Run, block: Block) -> int:
    """Of one block, over all slots.

    A window's cells hold it and one micro-batch, for each slot. Source: llama_kv_cache_iswa.
    """
    if block.window_tokens is None:
        return run.cells
    streams, sequences = (1, run.slots) if run.is_kv_unified else (run.slots, 1)
    held = pad(min(run.stream_cells, block.window_tokens * sequences + run.ubatch_tokens))
    return held * streams


def output_buffer_bytes(model: ModelShape, run: Run) -> int:
    """One row of logits a slot, in single precision; the drafting context has one of its own.

    Source: llama_context::output_reserve.
    """
    contexts = 2 if run.has_mtp else 1
    return contexts * run.slots * model.dimensions.vocabulary * 4
