"""A model's shape, from what its GGUF header says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from freehold.gguf.header import Header
from freehold.gguf.tensor import Tensor
from freehold.sizing.cells import Cell, cells, is_mla
from freehold.sizing.keys import Keys
from freehold.sizing.model import Block, Dimensions, ModelShape, Role
from freehold.sizing.quant import quant_of
from freehold.sizing.roles import Part, part_of

BLOCKS_MAX = 512  # LLAMA_MAX_LAYERS in llama.cpp's src/llama-hparams.h
# These load the NextN block's routing bias even where they skip the block.
# Source: their src/models/*.cpp, where exp_probs_b.bias is created without the block's flags.
_LOADS_ROUTING_BIAS = frozenset({"glm-dsa", "deepseek32"})
_TOKENS, _OUTPUT = "token_embd.weight", "output.weight"


@dataclass
class _Tally:
    """Bytes of one block, while its tensors are counted."""

    roles: Counter[Role] = field(default_factory=Counter)
    experts: Counter[str] = field(default_factory=Counter)
    stems: set[str] = field(default_factory=set)
    routing_bias_bytes: int = 0

    def add(self, part: Part, size_bytes: int) -> None:
        self.roles[part.role] += size_bytes
        self.stems.add(part.stem)
        if part.expert:
            self.experts[part.expert] += size_bytes
        elif part.stem.startswith("exp_probs_b."):
            self.routing_bias_bytes += size_bytes


def shape_of(header: Header, name: str = "", quant: str = "") -> ModelShape:
    """What the layout follows, in bytes and elements, without the padding of each tensor.

    Raises FreeholdError, with every problem, where a tensor's type is not known, or metadata that
    the engine needs are missing or are no numbers.
    """
    keys = Keys(header)
    blocks = keys.number("block_count", None)
    trunk = blocks - keys.number("nextn_predict_layers")
    _complain_of_types(keys, header)
    whole: Counter[Role] = Counter()
    tallies: defaultdict[int, _Tally] = defaultdict(_Tally)
    tokens: Tensor | None = None
    has_output = False
    for tensor in header.tensors:
        part, size_bytes = part_of(tensor.name), tensor.size_bytes or 0
        if part.block is None:
            whole[part.role] += size_bytes
            tokens = tensor if tensor.name == _TOKENS else tokens
            has_output = has_output or tensor.name == _OUTPUT
        else:
            tallies[part.block].add(part, size_bytes)
    _complain_of_blocks(keys, tallies, trunk, blocks)
    if tokens is None:
        keys.complain(f"expected a tensor {_TOKENS}, got none of that name")
    dimensions = _dimensions(keys, tokens)
    context = keys.number("context_length", None)
    keys.raise_problems()
    stems = {index: tally.stems for index, tally in tallies.items()}
    cached, guessed = cells(keys, header.architecture, trunk, stems, blocks)
    keys.raise_problems()
    quant = quant or quant_of(header)
    if not header.shards:
        told = f"how {quant} divides its bytes between roles is estimated until a header is read"
        guessed = (told, *guessed)
    total = sum(whole.values()) + sum(sum(tally.roles.values()) for tally in tallies.values())
    tied = (tokens.size_bytes or 0) if tokens and not has_output else 0
    return ModelShape(
        name=name or str(header.metadata.get("general.name") or header.architecture),
        quant=quant,
        architecture=header.architecture,
        context_max_tokens=context,
        dimensions=dimensions,
        blocks=tuple(
            _block(header.architecture, index, tallies[index], cell, index >= trunk)
            for index, cell in enumerate(cached)
        ),
        embedding_bytes=whole[Role.EMBEDDING],
        output_bytes=whole[Role.OUTPUT] + tied,
        other_bytes=whole[Role.OTHER],
        file_bytes=sum(shard.size_bytes for shard in header.shards) or total,
        guessed=guessed,
        has_tied_output=not has_output,
    )


def _block(architecture: str, index: int, tally: _Tally, cell: Cell, is_mtp: bool) -> Block:
    roles: Mapping[Role, int] = dict(tally.roles)
    if is_mtp:
        roles = {Role.MTP: sum(tally.roles.values())}
    loads_bias = is_mtp and architecture in _LOADS_ROUTING_BIAS
    return Block(
        index=index,
        bytes_by_role=roles,
        experts=dict(tally.experts),
        k_elements=cell.k_elements,
        v_elements=cell.v_elements,
        indexer_elements=cell.indexer_elements,
        is_mtp=is_mtp,
        always_bytes=tally.routing_bias_bytes if loads_bias else 0,
        window_tokens=cell.window_tokens,
    )


def _dimensions(keys: Keys, tokens: Tensor | None) -> Dimensions:
    embedding = keys.number("embedding_length", None)
    heads = keys.number("attention.head_count")
    head = embedding // (heads or 1)
    kind = "_mla" if is_mla(keys) else ""
    return Dimensions(
        embedding=embedding,
        vocabulary=tokens.shape[1] if tokens and len(tokens.shape) > 1 else 0,
        heads=heads,
        kv_heads=keys.number("attention.head_count_kv", heads),
        head_k=keys.number(f"attention.key_length{kind}", head),
        head_v=keys.number(f"attention.value_length{kind}", head),
        ffn=keys.number("feed_forward_length"),
        expert_ffn=keys.number("expert_feed_forward_length"),
        experts=keys.number("expert_count"),
        experts_used=keys.number("expert_used_count"),
        experts_shared=keys.number("expert_shared_count"),
        q_lora=keys.number("attention.q_lora_rank"),
        kv_lora=keys.number("attention.kv_lora_rank"),
        rope=keys.number("rope.dimension_count"),
        indexer_heads=keys.number("attention.indexer.head_count"),
        indexer_dim=keys.number("attention.indexer.key_length"),
        top_k=keys.number("attention.indexer.top_k"),
    )


def _complain_of_types(keys: Keys, header: Header) -> None:
    """Once for each type that is not known, by the first tensor of it."""
    unknown: dict[str, list[str]] = {}
    for tensor in header.tensors:
        if tensor.size_bytes is None:
            unknown.setdefault(tensor.type, []).append(tensor.name)
    for kind, names in unknown.items():
        more = f" (and {len(names) - 1} more like it)" if len(names) > 1 else ""
        keys.complain(
            f"expected {names[0]} to be of a known type, got {kind}{more}",
            "a fork's own quant types cannot be sized: llama.cpp's engine does not load them",
        )


def _complain_of_blocks(keys: Keys, found: Mapping[int, _Tally], trunk: int, blocks: int) -> None:
    if not 0 < trunk <= blocks <= BLOCKS_MAX:
        keys.problem("block_count", f"1 to {BLOCKS_MAX}, and more than the MTP blocks")
        return
    for block in sorted(set(range(trunk)) - set(found))[:3]:
        keys.complain(f"expected tensors of {blocks} blocks, got none of blk.{block}")
    if beyond := sorted(block for block in found if block >= blocks):
        keys.complain(f"expected tensors of {blocks} blocks, got some of blk.{beyond[0]}")
