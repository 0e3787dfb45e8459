"""What one cell of the KV cache holds in each block, by llama.cpp's rules for the architecture."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from freehold.sizing.keys import Keys

# Those whose rules were read in the engine's source, and need no guess.
KNOWN = frozenset(
    {"glm-dsa", "deepseek2", "deepseek32", "qwen3moe", "llama"}
    | {"qwen2", "qwen2moe", "qwen3", "glm4moe"}
)
# An indexer's keys are cached (llama_kv_cache_dsa); in a model of another architecture they too
# may be, but it is not known on which layers.
_INDEXED = frozenset({"glm-dsa", "deepseek32"})
# Every how many layers one sees the whole context, and whether that is the first or the last of
# them, where the file does not list its layers. Source: load_swa_pattern in src/models.
_WINDOWED = {
    "gemma2": (2, False), "gemma3": (6, False), "gpt-oss": (2, False), "cohere2": (4, False),
    "cohere2moe": (4, True), "olmo2": (4, False),
}  # fmt: skip
# GLM-5.2's context; with less, each layer of glm-dsa has an indexer of its own (GLM-5, GLM-5.1).
_SHARED_FROM_CONTEXT = 1048576


@dataclass(frozen=True)
class Cell:
    """Elements in one block, for one cell."""

    k_elements: int
    v_elements: int
    indexer_elements: int = 0
    window_tokens: int | None = None


def cells(
    keys: Keys, architecture: str, trunk: int, stems: Mapping[int, Set[str]], blocks: int
) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """One for each of `blocks`, of which `trunk` are no MTP blocks, and what of it is guessed.

    `stems` names each block's tensors: a block without keys of its own caches none. Source:
    llama_kv_cache's constructor, llama_hparams::n_embd_{k,v}_gqa.
    """
    heads = keys.each("attention.head_count", blocks, 0)
    kv_heads = keys.each("attention.head_count_kv", blocks, max(heads, default=0))
    head = keys.number("embedding_length") // (max(heads, default=0) or 1)
    k = keys.number("attention.key_length", head)
    v = keys.number("attention.value_length", head)
    windows, guessed = _windows(keys, architecture, trunk)
    indexer = keys.number("attention.indexer.key_length")
    full = _full_indexers(keys, architecture, trunk) if indexer else ()
    if architecture not in KNOWN:
        shown = architecture or "one without a name"
        guessed.append(f"the architecture ({shown}) is not known: its KV cache is taken as plain")
    found = []
    for block in range(blocks):
        window = windows.get(block)
        head_k = keys.number("attention.key_length_swa", k) if window else k
        head_v = keys.number("attention.value_length_swa", v) if window else v
        count = kv_heads[block] if _caches(stems.get(block, frozenset())) else 0
        found.append(
            Cell(
                head_k * count,
                0 if is_mla(keys) else head_v * count,
                indexer if block < trunk and full and full[block] else 0,
                window,
            )
        )
    if any(_is_recurrent(stems.get(block, frozenset())) for block in range(blocks)):
        guessed.append("the state of its recurrent layers is not counted")
    return tuple(found), tuple(guessed)


def is_mla(keys: Keys) -> bool:
    """Whether a cell holds one latent row, and no V. Source: llama_hparams::is_mla."""
    return bool(
        keys.number("attention.key_length_mla") and keys.number("attention.value_length_mla")
    )


def _full_indexers(keys: Keys, architecture: str, trunk: int) -> tuple[int, ...]:
    """Which layers' indexers are their own. Source: src/models/glm-dsa.cpp, load_arch_hparams."""
    if architecture not in _INDEXED:
        return ()
    listed = keys.listed("attention.indexer.types", trunk)
    if listed is not None and architecture == "glm-dsa":
        return listed
    if architecture == "glm-dsa" and keys.number("context_length") >= _SHARED_FROM_CONTEXT:
        return tuple(int(layer < 2 or layer % 4 == 2) for layer in range(trunk))
    return (1,) * trunk


def _windows(keys: Keys, architecture: str, trunk: int) -> tuple[dict[int, int], list[str]]:
    """The window of each layer that keeps one. Source: load_swa_pattern, set_swa_pattern."""
    window = keys.number("attention.sliding_window")
    listed = keys.listed("attention.sliding_window_pattern", trunk)
    if not window or (listed is None and architecture not in _WINDOWED):
        return {}, []
    if listed is not None:
        return {layer: window for layer in range(trunk) if listed[layer]}, []
    default, is_first_dense = _WINDOWED[architecture]
    period = keys.number("attention.sliding_window_pattern", default)
    dense = 0 if is_first_dense else period - 1
    windowed = {n: window for n in range(trunk) if period == 0 or n % period != dense}
    return windowed, [f"which of its layers keep a window of {window} tokens is {architecture}'s"]


def _caches(stems: Set[str]) -> bool:
    if _is_recurrent(stems):
        return "attn_k.weight" in stems
    return not stems.isdisjoint({"attn_k.weight", "attn_kv_a_mqa.weight", "attn_qkv.weight"})


def _is_recurrent(stems: Set[str]) -> bool:
    return any(stem.startswith("ssm_") for stem in stems)
