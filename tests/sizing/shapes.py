"""Models and machines of any make, small enough to reason about and odd enough to break things."""

from __future__ import annotations

from hypothesis import strategies as st

from freehold.sizing.hardware import Device, Hardware
from freehold.sizing.model import Block, Dimensions, ModelShape, Role
from freehold.sizing.wishes import GIB, MIB, Wishes

CACHE_TYPES = ("f16", "q8_0", "q4_0")


@st.composite
def models(draw: st.DrawFn) -> ModelShape:
    """Dense, a mixture of experts, or one with an indexer; blocks of unequal sizes."""
    count = draw(st.integers(2, 24))
    experts = draw(st.sampled_from([0, 8, 64]))
    is_sparse = draw(st.booleans()) and experts > 0
    dense = draw(st.integers(0, 2)) if experts else count
    blocks = []
    for index in range(count):
        attention = draw(st.integers(1, 400)) * MIB
        matrix = draw(st.integers(10, 900)) * MIB if index >= dense else 0
        roles = {Role.ATTENTION: attention}
        if index < dense:
            roles[Role.DENSE_FFN] = draw(st.integers(1, 400)) * MIB
        else:
            roles |= {Role.SHARED_EXPERTS: 20 * MIB, Role.ROUTED_EXPERTS: 3 * matrix}
        parts = {"gate": matrix, "up": matrix, "down": matrix} if matrix else {}
        has_indexer = is_sparse and index % 4 == 0
        blocks.append(
            Block(index, roles, parts, 576, 0 if is_sparse else 512, 128 if has_indexer else 0)
        )
    dimensions = Dimensions(
        embedding=2048,
        vocabulary=32000,
        heads=16,
        kv_heads=1 if is_sparse else 4,
        head_k=256 if is_sparse else 144,
        head_v=256 if is_sparse else 128,
        ffn=4096,
        expert_ffn=1024 if experts else 0,
        experts=experts,
        experts_used=4 if experts else 0,
        experts_shared=1 if experts else 0,
        q_lora=512 if is_sparse else 0,
        kv_lora=512 if is_sparse else 0,
        rope=64,
        indexer_heads=8 if is_sparse else 0,
        indexer_dim=128 if is_sparse else 0,
        top_k=512 if is_sparse else 0,
    )
    architecture = "glm-dsa" if is_sparse else "qwen3moe" if experts else "llama"
    return ModelShape(
        "any", "Q4_K", architecture, 131072, dimensions, tuple(blocks), 100 * MIB, 120 * MIB
    )


@st.composite
def machines(draw: st.DrawFn) -> Hardware:
    """Up to four devices, not all alike."""
    sizes = draw(st.lists(st.integers(4, 48), max_size=4))
    devices = tuple(Device(f"CUDA{n}", "a card", gib * GIB) for n, gib in enumerate(sizes))
    ram = draw(st.integers(8, 96)) * GIB
    return Hardware("any", devices, ram, cores=8, ram_bandwidth_bytes_per_s=50e9)


@st.composite
def wishes(draw: st.DrawFn) -> Wishes:
    """All resolved: what is left open is asked for where a test is about it."""
    return Wishes(
        context_tokens=draw(st.sampled_from([256, 4096, 8192, 32768, 131072])),
        slots=draw(st.integers(1, 4)),
        cache_type=draw(st.sampled_from(CACHE_TYPES)),
        ubatch_tokens=draw(st.sampled_from([128, 512, 2048])),
    )
