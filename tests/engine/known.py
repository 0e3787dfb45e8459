"""The synthetic models that the tests use: small ones for real loads, GLM-5.2 at its full size."""

from __future__ import annotations

import dataclasses

from tests.engine.models import Model

LLAMA = Model("llama", layers=6, embedding=512, ffn=1536, heads=8, kv_heads=2, head=64)

QWEN3MOE = Model(
    "qwen3moe", layers=6, embedding=512, ffn=1024, heads=8, kv_heads=2, head=64,
    experts=16, experts_used=4, expert_ffn=256,
)  # fmt: skip

DEEPSEEK2 = Model(
    "deepseek2", layers=6, embedding=512, ffn=1024, heads=8, dense=1,
    experts=16, experts_used=2, expert_ffn=256,
    q_lora=256, kv_lora=512, rope=64, nope=192, value=256,
)  # fmt: skip

GLM_DSA = dataclasses.replace(
    DEEPSEEK2, arch="glm-dsa", layers=8, nextn=1, dense=2, context=1048576,
    indexer_heads=8, indexer=128, top_k=2048,
    full_indexers=(True, True, True, False, False, False, True, False),
)  # fmt: skip

SMALL = (LLAMA, QWEN3MOE, DEEPSEEK2, GLM_DSA)

# Source: GLM-5.2's published config.json, and GLM_5_2_DEFAULT_INDEXER_TYPES of glm-dsa.cpp.
GLM_5_2 = Model(
    "glm-dsa", layers=78, nextn=1, dense=3, embedding=6144, ffn=12288, heads=64,
    experts=256, experts_used=8, expert_ffn=2048,
    q_lora=2048, kv_lora=512, rope=64, nope=192, value=256,
    indexer_heads=32, indexer=128, top_k=2048,
    full_indexers=tuple(n < 2 or n % 4 == 2 for n in range(78)),
    vocabulary=154880, context=1048576,
)  # fmt: skip

# What the routed experts (first down, then gate and up) and all the rest are kept as. Mixes in the
# manner of the published quants; the true ones differ from layer to layer.
_MIXES = {
    "IQ1_S": ("IQ2_XXS", "IQ1_S", "Q6_K"),
    "IQ2_M": ("IQ3_XXS", "IQ2_XS", "Q6_K"),
    "Q2_K": ("Q3_K", "Q2_K", "Q6_K"),
    "Q4_K": ("Q5_K", "Q4_K", "Q8_0"),
    "Q8_0": ("Q8_0", "Q8_0", "Q8_0"),
}
GLM_5_2_QUANTS = {
    name: dataclasses.replace(
        GLM_5_2, types=(("*ffn_down_exps*", down), ("*_exps*", rest_of_experts), ("*", rest))
    )
    for name, (down, rest_of_experts, rest) in _MIXES.items()
}
