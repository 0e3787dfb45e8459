"""The operations of one block's attention, in the order in which llama.cpp's graphs run them.

Sizes are bytes a token unless they say otherwise; every number is single precision (4 bytes) but
the masks. Read off the scheduler's own list of build 10434 (GGML_SCHED_DEBUG=2). Sources:
src/models/{glm-dsa,deepseek2,qwen3moe,llama}.cpp, build_attn and build_attn_mha in llama-graph.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass

from freehold.sizing.model import Dimensions
from freehold.sizing.tape import HERE, Tape, Tensor, Unit

F32 = 4
F16 = 2
I64 = 8
_V_ROTATION_SIDE = 64  # source: llama_kv_cache's constructor


@dataclass(frozen=True)
class Traits:
    """What a block's graph follows besides its dimensions."""

    is_mla: bool
    is_sparse: bool
    has_qk_norm: bool
    has_flash_attention: bool
    is_cache_quantised: bool
    widened_streams: int = 0
    """Of the cache, whose rows are copied to half precision before attention reads them; 0 where
    it can read them as they are. Source: ggml_cuda_flash_attn_ext_get_alloc_size."""

    @property
    def mask_factor(self) -> int:
        """Bytes of a mask for a token and cell. Source: build_attn_inp_kq_mask."""
        return F16 if self.has_flash_attention else F32


@dataclass(frozen=True)
class Inputs:
    """The graph's inputs that attention reads; they lie on the host until they are copied."""

    positions: Tensor
    places: tuple[Tensor, ...]
    """Where K's rows go, and V's where there is a V."""
    mask: Tensor
    rotations: tuple[Tensor, ...] = ()
    """The indexer's; or of K and of V, for a quantised cache."""
    indexer: tuple[Tensor, ...] = ()
    """Where its keys go, and its mask."""
    zeros: tuple[Tensor, ...] = ()
    """What opens the mask, one for each block: no inputs, but there from the start like them."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All inputs."""
        return (self.positions, *self.places, self.mask, *self.rotations, *self.indexer)


def inputs(tape: Tape, dims: Dimensions, traits: Traits, place: int, blocks: int) -> Inputs:
    """Those of the whole graph at `place`, and the zeros of `blocks` blocks HERE.

    In the order in which the graph comes upon them. Source: build_attn_inp_{kv,k,k_dsa}.
    """
    rotations: tuple[Tensor, ...] = ()
    if traits.is_sparse:
        rotations = (tape.input(Unit.ONCE, F32 * dims.indexer_dim**2, place),)
    elif traits.is_cache_quantised and not traits.is_mla:
        sides = (_rotation_side(dims.head_k), _V_ROTATION_SIDE)
        rotations = tuple(tape.input(Unit.ONCE, F32 * side**2, place) for side in sides)
    positions = tape.input(Unit.TOKENS, 4, place)
    rows = [1]
    if not traits.is_mla:  # without flash attention V lies transposed: each number has its place
        rows.append(1 if traits.has_flash_attention else dims.kv_heads * dims.head_v)
    places = tuple(tape.input(Unit.TOKENS, I64 * count, place) for count in rows)
    if not traits.is_sparse:
        mask = tape.input(Unit.SCORES, traits.mask_factor, place)
        return Inputs(positions, places, mask, rotations)
    keys = tape.input(Unit.TOKENS, I64, place)
    zeros = [tape.leaf(Unit.SELECTED, F32, HERE) for _ in range(min(blocks, 1))]
    # The indexer's scores are computed in one fused operation, which wants half precision.
    indexer_mask = tape.input(Unit.SCORES, F16, place)
    mask = tape.input(Unit.SCORES, traits.mask_factor, place)
    zeros += [tape.leaf(Unit.SELECTED, F32, HERE) for _ in range(blocks - 1)]
    return Inputs(positions, places, mask, rotations, (keys, indexer_mask), tuple(zeros))


def _rotation_side(head: int) -> int:
    """Of the Hadamard matrix that a quantised cache's K is turned by. Source: llama_kv_cache."""
    side = 64
    while head % (2 * side) == 0:
        side *= 2
    return side


class Attention:
    """Writes one block's attention HERE; ends with the output projection."""

    def __init__(self, tape: Tape, dims: Dimensions, traits: Traits, given: Inputs) -> None:
        self._tape = tape
        self._dims = dims
        self._traits = traits
        self._in = given

    def _op(self, factor: int, *sources: Tensor, into: Tensor | None = None) -> Tensor:
        return self._tape.step((Unit.TOKENS, factor), *sources, place=HERE, into=into)

    def grouped(self, normed: Tensor) -> Tensor:
        """Plain attention, its heads sharing K and V in groups; from the block's normed input."""
        d, given = self._dims, self._in
        k_turn, v_turn = (*given.rotations, None, None)[:2]
        v_width = F32 * d.kv_heads * d.head_v
        q = self._headed(F32 * d.heads * d.head_k, normed, k_turn)
        v = self._op(v_width, normed)
        if v_turn:
            v = self._op(v_width, v_turn, v)
        k = self._headed(F32 * d.kv_heads * d.head_k, normed, k_turn)
        for stored, place in zip((k, v), given.places, strict=True):
            self._op(0, stored, place)
        found = self._attend(q, given.mask, d.head_v)
        if v_turn:
            found = self._op(F32 * d.heads * d.head_v, v_turn, found)
        return self._op(F32 * d.embedding, found)

    def _headed(self, width: int, normed: Tensor, rotation: Tensor | None) -> Tensor:
        """Q or K: projected, normed where the architecture does, its positions turned in."""
        x = self._op(width, normed)
        if self._traits.has_qk_norm:
            x = self._op(width, x)
            x = self._op(width, x, into=x)
            x = self._op(width, x, self._in.positions, into=x)
        else:
            x = self._op(width, x, self._in.positions)
        return self._op(width, rotation, x) if rotation else x

    def latent(
        self, normed: Tensor, zeros: Tensor | None = None, selected: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """MLA; with `zeros`, its mask is opened only at what an indexer `selected`.

        None selected before: the block has an indexer of its own. Returns the result, and the
        selection.
        """
        d, given = self._dims, self._in
        is_full = zeros is not None and selected is None
        if is_full:
            self._store_indexer_keys(normed)
        low = self._op(F32 * d.q_lora, normed)
        low = self._op(F32 * d.q_lora, low, into=low)
        low = self._op(F32 * d.q_lora, low, into=low)
        q = self._op(F32 * d.heads * d.head_k, low)
        absorbed = self._op(F32 * d.heads * d.kv_lora, q)
        turned = self._op(F32 * d.heads * d.rope, q, given.positions)
        q = self._op(F32 * d.heads * (d.kv_lora + d.rope), absorbed, turned)
        kv = self._op(F32 * (d.kv_lora + d.rope), normed)
        latent = self._op(F32 * d.kv_lora, kv)
        latent = self._op(F32 * d.kv_lora, latent, into=latent)
        k = self._op(F32 * d.rope, kv, given.positions)
        k = self._op(F32 * (d.kv_lora + d.rope), latent, k)
        self._op(0, k, *given.places)
        mask = given.mask
        if zeros is not None:
            opened = self._tape.step((zeros.unit, zeros.factor), zeros, place=HERE, into=zeros)
            selected = selected or self._select(low, normed)
            mask = self._sparse_mask(opened, selected)
        found = self._attend(q, mask, d.kv_lora)
        found = self._op(F32 * d.heads * d.head_v, found)
        if self._traits.has_flash_attention:
            found = self._op(F32 * d.heads * d.head_v, found)
        return self._op(F32 * d.embedding, found), selected

    def _attend(self, q: Tensor, mask: Tensor, value: int) -> Tensor:
        width = F32 * self._dims.heads * value
        if self._traits.has_flash_attention:
            if not self._traits.widened_streams:
                return self._op(width, q, mask)
            size = (Unit.CELLS, F16 * self._row * self._traits.widened_streams)
            return self._op(width, q, mask, self._tape.step(size, place=HERE))
        scores = (Unit.SCORES, F32 * self._dims.heads)
        weights = self._tape.step(scores, q, place=HERE)
        weights = self._tape.step(scores, weights, mask, place=HERE, into=weights)
        if self._traits.is_mla:  # V is a view of K, and has to be transposed
            v = self._tape.step((Unit.CELLS, F16 * value), place=HERE)
            return self._op(width, v, weights)
        found = self._op(width, weights)
        return self._op(width, found)

    @property
    def _row(self) -> int:
        """Numbers that the cache holds of one cell, without the indexer's."""
        d = self._dims
        if self._traits.is_mla:
            return d.kv_lora + d.rope
        return d.kv_heads * (d.head_k + d.head_v)

    def _store_indexer_keys(self, normed: Tensor) -> None:
        places, _ = self._in.indexer
        (rotation,) = self._in.rotations
        width = F32 * self._dims.indexer_dim
        k = self._op(width, normed)
        k = self._op(width, k)
        k = self._op(width, k, into=k)
        k = self._op(width, k, into=k)
        turned = self._op(F32 * self._dims.rope, k, self._in.positions)
        k = self._op(width, turned, k)
        k = self._op(width, rotation, k)
        self._op(0, k, places)

    def _select(self, low: Tensor, normed: Tensor) -> Tensor:
        """The top-k cells of each token, by the indexer's scores over the whole context."""
        d = self._dims
        _, mask = self._in.indexer
        (rotation,) = self._in.rotations
        width = F32 * d.indexer_heads * d.indexer_dim
        q = self._op(width, low)
        turned = self._op(F32 * d.indexer_heads * d.rope, q, self._in.positions)
        q = self._op(width, turned, q)
        q = self._op(width, rotation, q)
        weights = self._op(F32 * d.indexer_heads, normed)
        weights = self._op(F32 * d.indexer_heads, weights)
        scores = self._tape.step((Unit.SCORES, F32), q, weights, mask, place=HERE)
        best = self._tape.step((Unit.SELECTED, 4), scores, place=HERE)
        return self._tape.step((Unit.SELECTED, 4), best, place=HERE)

    def _sparse_mask(self, zeros: Tensor, selected: Tensor) -> Tensor:
        """The mask with all but what is selected shut. The sum is no longer a plain tensor's heir:
        a view lies between, so it takes new memory."""
        size = (Unit.SCORES, self._traits.mask_factor)
        shut = self._tape.step(size, self._in.mask, place=HERE)
        opened = self._tape.step(size, shut, zeros, selected, place=HERE, into=shut)
        return self._tape.step(size, opened, self._in.mask, place=HERE)
