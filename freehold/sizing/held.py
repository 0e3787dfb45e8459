"""What one device holds of a model, for which the engine needs working memory besides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """How the engine is run, all resolved: what KV cells and compute buffers follow.

    `context_tokens` is each slot's, `cells` of the KV cache those of all slots.
    """

    context_tokens: int
    slots: int
    cache_type: str
    ubatch_tokens: int
    batch_tokens: int
    is_kv_unified: bool
    has_flash_attention: bool
    has_mtp: bool

    @property
    def cells(self) -> int:
        """Of the whole KV cache; the engine pads to 256. Source: llama_kv_cache, measured."""
        if self.is_kv_unified:
            return pad(self.context_tokens * self.slots)
        return pad(self.context_tokens) * self.slots

    @property
    def stream_cells(self) -> int:
        """That one stream's attention can look at."""
        return self.cells if self.is_kv_unified else pad(self.context_tokens)


@dataclass(frozen=True)
class Held:
    """`blocks` are the indices of the trunk's blocks whose attention runs there, in order.

    `offloaded_experts`: the blocks among them whose routed experts, all or some, lie elsewhere.
    `computes_experts_of`: the blocks whose experts are computed here and do not lie with their
    block: the host's work where they lie there, or that of the first device whose back end copies
    weights from the host for prompts (CUDA, Vulkan), its own blocks among them.
    `last_device_from`: for the host, the first block on the last device; None: not known.
    `is_pipelined`: the engine prepares several batches at once (see compute.py).
    """

    blocks: tuple[int, ...]
    offloaded_experts: tuple[int, ...] = ()
    computes_experts_of: tuple[int, ...] = ()
    has_output: bool = False
    is_host: bool = False
    last_device_from: int | None = None
    is_pipelined: bool = False


@dataclass(frozen=True)
class Interval:
    """An estimate in bytes (or another unit that the place names), and where the truth may lie."""

    low: float
    expected: float
    high: float

    def __str__(self) -> str:
        return f"{self.expected:.3g} ({self.low:.3g} to {self.high:.3g})"


def pad(tokens: int, to: int = 256) -> int:
    """The next multiple of `to`."""
    return -(-tokens // to) * to
