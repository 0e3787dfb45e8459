"""The compute buffer: what an engine needs besides weights and KV cache, by its own arithmetic.

No constant is fitted. The graph that llama.cpp would run is written down (graph.py), cut and
copied between places as its scheduler does (tape.py), and packed as its allocator does (arena.py).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from freehold.sizing.attention import Traits
from freehold.sizing.graph import mtp_program, trunk_program
from freehold.sizing.hardware import Backend
from freehold.sizing.held import Held, Interval, Run
from freehold.sizing.kv import DRAFT_TOKENS_MAX, MTP_CACHE_TYPE
from freehold.sizing.model import CACHE_TYPES, Dimensions, ModelShape
from freehold.sizing.share import Share, mtp_share, trunk_share
from freehold.sizing.tape import Program, Scale

MIB = 1 << 20
MEASURED = frozenset({"glm-dsa", "deepseek2", "qwen3moe", "llama"})
"""The architectures whose graphs were held against the engine's account."""

_QK_NORMED = frozenset({"qwen3", "qwen3moe", "glm4moe", "gemma3"})
_GUESSED = 0.3  # of the expected, both ways, where the graph is taken from a like architecture
# Of the expected, both ways, by what each back end does to a graph on its own: the stand-ins
# (RPC) and the CPU do nothing, Vulkan reorders it (seen on a software device: -16% to +19%), CUDA
# keeps what it fuses, Metal has working memory in some operations (both read, not measured).
_REARRANGED = {Backend.CUDA: 0.1, Backend.VULKAN: 0.2, Backend.METAL: 0.3, Backend.RPC: 0.0}


def compute_buffer(
    model: ModelShape, run: Run, held: Held, backend: Backend | None = None
) -> Interval:
    """Bytes of the compute buffers on one device, or the host (which has no `backend`).

    `expected` is what a load allocates; the interval spans what else may come in from the device
    before (see `_variants`), and what the `backend` may do. Where the run drafts, the buffer of
    that context is added. With CUDA, room for a quantised cache in half precision is added: read
    in its source, not measured.
    """
    scale = _scale(run, model.dimensions, run.slots * (1 + DRAFT_TOKENS_MAX * run.has_mtp))
    traits = _traits(model, run, run.cache_type, backend)
    sizes = [
        _trunk_bytes(model.dimensions, traits, share, scale) for share in _variants(model, held)
    ]
    drafting = _drafting_bytes(model, run, held, backend) if run.has_mtp else 0
    low, expected, high = (n + drafting for n in (min(sizes), sizes[0], max(sizes)))
    slack = 0.0 if model.architecture in MEASURED else _GUESSED
    slack += _REARRANGED[backend] if backend else 0.0
    return Interval(int(low * (1 - slack)), expected, int(high * (1 + slack)))


def device_overhead_bytes(backend: Backend) -> int:
    """What a process takes on each device besides its buffers; not measured here.

    CUDA: its context (about 300 MiB on Ampere to 500 MiB on Hopper) and cuBLAS' workspace, which
    is 32 MiB on Hopper and 8 MiB before. Source: NVIDIA's cuBLAS documentation for the workspace;
    for the context what llama.cpp's own --fit leaves free for it (-fitt, 1024 MiB) is the bound.
    """
    match backend:
        case Backend.CUDA:
            return 550 * MIB
        case Backend.VULKAN:
            return 150 * MIB
        case Backend.METAL:
            return 64 * MIB
        case Backend.RPC:
            return 0


def _variants(model: ModelShape, held: Held) -> list[Share]:
    """The share that is likely, then others that are possible.

    In the engine's dry run a device leaves its first norm to the one before, and holes fall
    otherwise (build 10434). Without shared experts, the sum over experts that lie on the host is
    left by the block before to the next device; taken as likely where the first block's own do.
    """
    share = trunk_share(model, held)
    if not held.blocks or not held.blocks[0] or held.is_host:
        return [share]
    found = [share, replace(share, begins_late=True)]
    first = held.blocks[0]
    has_shared = model.dimensions.experts_shared > 0
    if held.offloaded_experts and model.blocks[first - 1].experts and not has_shared:
        gathering = replace(share, begins_with_experts=True)
        found.insert(0 if first in held.offloaded_experts else 2, gathering)
    return found


def _drafting_bytes(model: ModelShape, run: Run, held: Held, backend: Backend | None) -> int:
    share = mtp_share(model, held)
    if share is None:
        return 0
    traits, scale = (
        _traits(model, run, MTP_CACHE_TYPE, backend),
        _scale(run, model.dimensions, run.slots),
    )
    return _mtp_bytes(model.dimensions, traits, share, scale)


def _scale(run: Run, dims: Dimensions, outputs: int) -> Scale:
    """Source: llama_context::sched_reserve and graph_reserve."""
    tokens = min(run.cells, run.batch_tokens, run.ubatch_tokens)
    tokens = -(-tokens // run.slots) * run.slots
    cells = run.stream_cells
    return Scale(tokens, min(tokens, outputs), cells, min(dims.top_k, cells))


def _traits(model: ModelShape, run: Run, cache_type: str, backend: Backend | None) -> Traits:
    is_widened = backend is Backend.CUDA and run.has_flash_attention and cache_type != "f16"
    streams = 1 if run.is_kv_unified else run.slots
    return Traits(
        is_mla=model.is_mla,
        is_sparse=model.is_sparse,
        has_qk_norm=model.architecture in _QK_NORMED,
        has_flash_attention=run.has_flash_attention,
        is_cache_quantised=CACHE_TYPES[cache_type].bytes_per_block < 64,
        widened_streams=streams if is_widened else 0,
    )


# A search for the largest context asks for one program at many scales, and often twice.
@lru_cache(maxsize=4096)
def _trunk_bytes(dims: Dimensions, traits: Traits, share: Share, scale: Scale) -> int:
    return _trunk(dims, traits, share).size_bytes(scale)


@lru_cache(maxsize=1024)
def _mtp_bytes(dims: Dimensions, traits: Traits, share: Share, scale: Scale) -> int:
    return _mtp(dims, traits, share).size_bytes(scale)


@lru_cache(maxsize=512)
def _trunk(dims: Dimensions, traits: Traits, share: Share) -> Program:
    return trunk_program(dims, traits, share)


@lru_cache(maxsize=128)
def _mtp(dims: Dimensions, traits: Traits, share: Share) -> Program:
    return mtp_program(dims, traits, share)
