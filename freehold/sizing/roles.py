"""What a tensor is for, by its name in llama.cpp (src/llama-arch.cpp, LLM_TENSOR_NAMES)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from freehold.sizing.model import Role

_BLOCK = re.compile(r"blk\.(\d{1,4})\.(.+)", re.ASCII)
_EXPERT = re.compile(r"ffn_(gate_up|gate|up|down)_(?:ch)?exps\.", re.ASCII)
# What the engine keeps on the CPU, its "input layer" (LLM_TENSOR_INFOS), and where its output runs.
_INPUT = ("token_embd.", "per_layer_token_embd.", "token_types.", "position_embd.")
_OUTPUT = ("output.", "output_norm.", "cls.", "cls.output.")
_IN_BLOCK = (
    ("indexer.", Role.INDEXER),
    ("nextn.", Role.MTP),
    ("attn_", Role.ATTENTION),
    ("post_attention_norm", Role.ATTENTION),
    ("ssm_", Role.ATTENTION),  # a recurrent layer's, in attention's place
    ("ffn_gate_inp_shexp", Role.SHARED_EXPERTS),
    ("ffn_gate_inp", Role.ROUTER),
    ("exp_probs_b", Role.ROUTER),
    ("ffn_", Role.DENSE_FFN),
    ("post_ffw_norm", Role.DENSE_FFN),
)


class Part(NamedTuple):
    """`block` is None outside of the blocks; `stem` is the name within its block.

    `expert` is what a routed expert's tensor is: "gate", "up", "down" or "gate_up".
    """

    block: int | None
    stem: str
    role: Role
    expert: str | None = None


def part_of(name: str) -> Part:
    """Of a tensor; a name that llama.cpp does not have is Role.OTHER."""
    if found := _BLOCK.fullmatch(name):
        role, expert = _in_block(found[2])
        return Part(int(found[1]), found[2], role, expert)
    if name.startswith(_INPUT):
        return Part(None, name, Role.EMBEDDING)
    return Part(None, name, Role.OUTPUT if name.startswith(_OUTPUT) else Role.OTHER)


@lru_cache(maxsize=1024)  # a model has some thirty stems, and each in every block
def _in_block(stem: str) -> tuple[Role, str | None]:
    if found := _EXPERT.match(stem):
        return Role.ROUTED_EXPERTS, found[1]
    if "_shexp." in stem:
        return Role.SHARED_EXPERTS, None
    return next((role for start, role in _IN_BLOCK if stem.startswith(start)), Role.OTHER), None
