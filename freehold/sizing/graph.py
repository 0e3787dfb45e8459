"""The graph of one share, written down as the engine's models build it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from freehold.sizing.attention import F32, Attention, Inputs, Traits, inputs
from freehold.sizing.feedforward import FeedForward
from freehold.sizing.model import Dimensions
from freehold.sizing.share import BlockKind, Share
from freehold.sizing.tape import HERE, Program, Tape, Tensor, Unit

_HOST = 1  # where a device's inputs come from, and where its experts may be
_BEFORE = 2  # the device that computed what comes in; for the host, every device but the last
_LAST = 3  # for the host, the last device: until it starts, the host keeps the inputs


def trunk_program(dims: Dimensions, traits: Traits, share: Share) -> Program:
    """What `share` takes and gives back while the trunk is computed."""
    graph = _Graph(dims, traits, share)
    graph.write_trunk()
    return graph.tape.program()


def mtp_program(dims: Dimensions, traits: Traits, share: Share) -> Program:
    """The same for the block that drafts: a graph of its own, of dense attention.

    Source: llama_model_glm_dsa::graph_mtp.
    """
    graph = _Graph(dims, replace(traits, is_sparse=False), share)
    graph.write_mtp()
    return graph.tape.program()


@dataclass
class _Graph:
    dims: Dimensions
    traits: Traits
    share: Share
    tape: Tape = field(init=False)

    def __post_init__(self) -> None:
        self.tape = Tape(self.share.copies)

    @property
    def _inputs_at(self) -> int:
        return HERE if self.share.is_host else _HOST

    @property
    def _width(self) -> int:
        return F32 * self.dims.embedding

    def write_trunk(self) -> None:
        count = len(self.share.blocks) + self.share.unwritten
        stream = self._stream()
        given = inputs(self.tape, self.dims, self.traits, self._inputs_at, count)
        outputs = self.tape.input(Unit.OUTPUTS, 4, self._inputs_at)
        selected: Tensor | None = None
        for number, kind in enumerate(self.share.blocks):
            norm_at = _BEFORE if self.share.begins_late and not number else HERE
            normed = self._normed(stream, Unit.TOKENS, norm_at)
            attention = Attention(self.tape, self.dims, self.traits, given)
            if self.traits.is_mla:
                come = None if kind.is_full else selected
                if self.traits.is_sparse and not kind.is_full and selected is None:
                    # Each shared block copies its own view of what another device selected.
                    come = self.tape.step((Unit.SELECTED, 4), place=_BEFORE)
                own = given.zeros[number] if given.zeros else None
                found, come = attention.latent(normed, own, come)
                selected = come if kind.is_full else selected
            else:
                found = attention.grouped(normed)
            stream = self._fed_forward(kind, found, stream, outputs)
        if self.share.is_host:
            self._write_devices(stream, given, outputs)
        elif self.share.away[0]:
            self._experts_for(_BEFORE, stream)
        if self.share.has_output:
            width = self._width
            normed = self.tape.step((Unit.OUTPUTS, width), stream, place=HERE, into=stream)
            normed = self.tape.step((Unit.OUTPUTS, width), normed, place=HERE, into=normed)
            self.tape.step((Unit.OUTPUTS, F32 * self.dims.vocabulary), normed, place=HERE)

    def write_mtp(self) -> None:
        embedded = self._stream(has_choice=False)
        drafted = self.tape.input(Unit.TOKENS, self._width, self._inputs_at)
        given = inputs(self.tape, self.dims, self.traits, self._inputs_at, 0)
        outputs = self.tape.input(Unit.OUTPUTS, 4, self._inputs_at)
        if not self.share.blocks:
            self._write_devices(embedded, given, outputs, drafted)
            return
        both = [
            self._normed(read, Unit.TOKENS, HERE, is_last_reader=True)
            for read in (embedded, drafted)
        ]
        joined = self.tape.step((Unit.TOKENS, 2 * self._width), *both, place=HERE)
        stream = self.tape.step((Unit.TOKENS, self._width), joined, place=HERE)
        normed = self._normed(stream, Unit.TOKENS, HERE)
        attention = Attention(self.tape, self.dims, self.traits, given)
        found, _ = attention.latent(normed)
        stream = self._fed_forward(self.share.blocks[0], found, stream, outputs)
        normed = self._normed(stream, Unit.TOKENS, HERE, is_last_reader=True)
        rows = self.tape.step((Unit.OUTPUTS, self._width), normed, outputs, place=HERE)
        self.tape.step((Unit.OUTPUTS, F32 * self.dims.vocabulary), rows, place=HERE)

    def _stream(self, *, has_choice: bool = True) -> Tensor:
        """What comes into the first block: the host's embedding, or another device's result.

        `has_choice`: embeddings could come instead of tokens; there is room for them, unused.
        """
        if self.share.begins_with_experts:
            return self._gathered()
        if not self.share.is_host:
            return self.tape.step((Unit.TOKENS, self._width), place=_BEFORE)
        tokens = self.tape.input(Unit.TOKENS, 4, HERE)
        if has_choice:
            self.tape.input(Unit.TOKENS, self._width, HERE)
        return self.tape.step((Unit.TOKENS, self._width), tokens, place=HERE)

    def _gathered(self) -> Tensor:
        """What comes in where the block before has its experts on the host: their sum is up to us,
        since nothing of that block that follows them lies on a device."""
        used = self.dims.experts_used
        found = self.tape.step((Unit.TOKENS, self._width * used), place=_HOST)
        shares = self.tape.step((Unit.TOKENS, F32 * used), place=_BEFORE)
        rest = self.tape.step((Unit.TOKENS, self._width), place=_BEFORE)
        added = FeedForward(self.tape, self.dims, Unit.TOKENS).gathered(found, shares)
        return self.tape.step((Unit.TOKENS, self._width), added, rest, place=HERE, into=added)

    def _normed(
        self, stream: Tensor, rows: Unit, place: int, *, is_last_reader: bool = False
    ) -> Tensor:
        """RMS norm, and its weights; in place where nobody reads `stream` later."""
        into = stream if is_last_reader else None
        normed = self.tape.step((rows, self._width), stream, place=place, into=into)
        return self.tape.step((rows, self._width), normed, place=HERE, into=normed)

    def _fed_forward(
        self, kind: BlockKind, found: Tensor, stream: Tensor, outputs: Tensor
    ) -> Tensor:
        rows = Unit.TOKENS
        if kind.is_last:
            rows = Unit.OUTPUTS
            found = self.tape.step((rows, self._width), found, outputs, place=HERE)
            stream = self.tape.step((rows, self._width), stream, outputs, place=HERE)
        found = self.tape.step((rows, self._width), found, stream, place=HERE, into=found)
        normed = self._normed(found, rows, HERE)
        forward = FeedForward(self.tape, self.dims, rows)
        if kind.is_moe:
            result = forward.experts(
                normed,
                is_biased=self.traits.is_mla,
                place=_HOST if kind.has_experts_elsewhere else HERE,
                copied=dict(self.share.experts_bytes) if kind.copies_weights else {},
            )
        else:
            result = forward.dense(normed, self.dims.ffn)
        return self.tape.step((rows, self._width), result, found, place=HERE, into=result)

    def _write_devices(self, stream: Tensor, given: Inputs, outputs: Tensor, *more: Tensor) -> None:
        """The devices' blocks, as far as the host has a part in them."""
        places = (_BEFORE, _LAST) if self.share.devices > 1 else (_LAST,)[: self.share.devices]
        for place in places:
            sources = (stream, *given.tensors, *more)
            stream = self.tape.step((Unit.TOKENS, 4), *sources, place=place)
            if self.share.away[place == _LAST]:
                stream = self._experts_for(place, stream)
        if places:
            self.tape.step((Unit.OUTPUTS, 4), stream, outputs, place=_LAST)

    def _experts_for(self, place: int, stream: Tensor) -> Tensor:
        """Those of a block elsewhere; one stands for all, since they run one after the other."""
        normed = self.tape.step((Unit.TOKENS, self._width), stream, place=place)
        chosen = self.tape.step((Unit.TOKENS, F32 * self.dims.experts), normed, place=place)
        forward = FeedForward(self.tape, self.dims, Unit.TOKENS)
        copied = dict(self.share.experts_bytes)
        found = forward.routed(normed, chosen, place=HERE, copied=copied)
        return self.tape.step((Unit.TOKENS, 4), found, place=place)
