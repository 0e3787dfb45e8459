"""The operations of one block's feed-forward part, dense or of experts, as llama.cpp runs them.

Sizes are bytes a row. Read off the scheduler's own list of build 10434 (GGML_SCHED_DEBUG=2).
Sources: build_ffn and build_moe_ffn in llama-graph.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping

from freehold.sizing.attention import F32
from freehold.sizing.model import Dimensions
from freehold.sizing.tape import HERE, Tape, Tensor, Unit


class FeedForward:
    """Writes what follows attention, for `rows` rows: all tokens, or only the outputs'."""

    def __init__(self, tape: Tape, dims: Dimensions, rows: Unit, place: int = HERE) -> None:
        self._tape = tape
        self._dims = dims
        self._rows = rows
        self._place = place

    def _op(
        self, factor: int, *sources: Tensor, into: Tensor | None = None,
        place: int | None = None, weights_bytes: int = 0,
    ) -> Tensor:  # fmt: skip
        return self._tape.step(
            (self._rows, factor),
            *sources,
            place=self._place if place is None else place,
            into=into,
            weights_bytes=weights_bytes,
        )

    def dense(self, normed: Tensor, ffn: int) -> Tensor:
        """Gate, up, down."""
        gate = self._op(F32 * ffn, normed)
        up = self._op(F32 * ffn, normed)
        return self._op(F32 * self._dims.embedding, self._op(F32 * ffn, gate, up))

    def experts(
        self, normed: Tensor, *, is_biased: bool, place: int, copied: Mapping[str, int]
    ) -> Tensor:
        """The routed experts, computed at `place`, and the shared one.

        `copied` names the bytes of weights that have to be copied there for it ("gate", "up",
        "down"). `is_biased`: chosen with a bias, and scaled, as DeepSeek's are.
        """
        d = self._dims
        used = d.experts_used
        logits = self._op(F32 * d.experts, normed)
        odds = self._op(F32 * d.experts, logits, into=logits)
        biased = self._op(F32 * d.experts, odds) if is_biased else odds
        chosen = self._op(F32 * d.experts, biased)
        shares = self._op(F32 * used, odds, chosen)
        total = self._op(F32, shares)
        total = self._op(F32, total, into=total)
        shares = self._op(F32 * used, shares, total)
        if is_biased:
            shares = self._op(F32 * used, shares)
        found = self.routed(normed, chosen, place=place, copied=copied)
        added = self.gathered(found, shares)
        if not d.experts_shared:
            return added
        shared = self.dense(normed, d.expert_ffn * d.experts_shared)
        return self._op(F32 * d.embedding, added, shared, into=added)

    def gathered(self, found: Tensor, shares: Tensor) -> Tensor:
        """The sum of the experts' results, each weighed by its share."""
        width = F32 * self._dims.embedding
        used = self._dims.experts_used
        weighed = self._op(width * used, found, shares, into=found)
        added = self._op(width, weighed)
        for _ in range(used - 2):
            added = self._op(width, added, weighed, into=added)
        return added

    def routed(
        self, normed: Tensor, chosen: Tensor, *, place: int, copied: Mapping[str, int]
    ) -> Tensor:
        """One result for each token and chosen expert."""
        width = F32 * self._dims.expert_ffn * self._dims.experts_used
        both = copied.get("gate_up", 0)
        gate_bytes, up_bytes = both or copied.get("gate", 0), 0 if both else copied.get("up", 0)
        gate = self._op(width, normed, chosen, place=place, weights_bytes=gate_bytes)
        up = self._op(width, normed, chosen, place=place, weights_bytes=up_bytes)
        active = self._op(width, gate, up, place=place)
        return self._op(
            F32 * self._dims.embedding * self._dims.experts_used,
            active,
            chosen,
            place=place,
            weights_bytes=copied.get("down", 0),
        )
